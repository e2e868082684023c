package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// The lab's camera: 1280x720 at 30 frames a second. Chromium's own fake camera
// compresses to almost nothing; this one is a moving texture under noise, which
// takes all the bitrate that an encoder is given.
const (
	cameraWidth  = 1280
	cameraHeight = 720
	cameraFPS    = 30
	// After so many frames the texture is where it began, and the film starts
	// again without a cut.
	cameraLoop = 64
	cameraStep = cameraWidth / cameraLoop // pixels to the right per frame
)

// film writes the camera's y4m file and returns its path.
func film(t *testing.T) string {
	t.Helper()
	return recording(t, "camera.y4m", func(w io.Writer) error {
		random := rand.New(rand.NewPCG(1, 1))
		texture, noise := texture(random), make([]byte, 1<<20)
		for i := range noise {
			noise[i] = byte(random.IntN(17))
		}
		luma, chroma := make([]byte, cameraWidth*cameraHeight), make([]byte, cameraWidth*cameraHeight/2)
		for i := range chroma {
			chroma[i] = 128
		}
		if _, err := fmt.Fprintf(w, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n", cameraWidth, cameraHeight, cameraFPS); err != nil {
			return err
		}
		for frame := range cameraLoop {
			shift, grain := frame*cameraStep, random.IntN(len(noise))
			for y := range cameraHeight {
				row := texture[y*cameraWidth:][:cameraWidth]
				for x := range cameraWidth {
					at := y*cameraWidth + x
					luma[at] = row[(x+shift)%cameraWidth] + noise[(at+grain)%len(noise)]
				}
			}
			if _, err := fmt.Fprint(w, "FRAME\n"); err != nil {
				return err
			}
			for _, plane := range [][]byte{luma, chroma} {
				if _, err := w.Write(plane); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// texture is a picture of blocks of 8x8 pixels whose brightness goes up and
// down in waves, so that large and small encodings find detail in it.
func texture(random *rand.Rand) []byte {
	const block = 8
	out := make([]byte, cameraWidth*cameraHeight)
	blocks := make([]float64, cameraWidth/block*cameraHeight/block)
	for i := range blocks {
		blocks[i] = random.Float64()
	}
	for y := range cameraHeight {
		for x := range cameraWidth {
			wave := math.Sin(float64(x)*2*math.Pi/320) + math.Sin(float64(y)*2*math.Pi/240)
			out[y*cameraWidth+x] = byte(90 + 25*wave + 60*blocks[y/block*(cameraWidth/block)+x/block])
		}
	}
	return out
}

// tape writes the lab's microphone as a WAV file and returns its path: a hum
// that never pauses, so that whatever is missing of it was concealed.
func tape(t *testing.T) string {
	t.Helper()
	const rate, seconds = 48000, 4
	return recording(t, "microphone.wav", func(w io.Writer) error {
		size := uint32(rate * seconds * 2)
		header := []any{
			[]byte("RIFF"), 36 + size, []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1), // PCM, mono
			uint32(rate), uint32(2 * rate), uint16(2), uint16(16), []byte("data"), size,
		}
		for _, field := range header {
			if err := binary.Write(w, binary.LittleEndian, field); err != nil {
				return err
			}
		}
		samples := make([]int16, rate*seconds)
		for i := range samples {
			at := float64(i) / rate * 2 * math.Pi
			samples[i] = int16(6000 * (math.Sin(at*220) + 0.5*math.Sin(at*440)) * (1 + 0.5*math.Sin(at*3)))
		}
		return binary.Write(w, binary.LittleEndian, samples)
	})
}

func recording(t *testing.T, name string, write func(io.Writer) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(file, 1<<20)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if closed := file.Close(); err != nil || closed != nil {
		t.Fatalf("writing %s: %v, %v", name, err, closed)
	}
	return path
}
