package forward_test

import (
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

// benchmarkStream is a few seconds of packets, in a loop that looks endless.
type benchmarkStream struct {
	codec  forward.Codec
	pieces []*piece
	ticks  uint32
}

func newBenchmarkStream(b *testing.B, shape shape) *benchmarkStream {
	b.Helper()
	var t testing.T
	s := newSim(&t, 1, network{}, shape)
	e := s.sources[0].enc
	all := &benchmarkStream{codec: shape.codec}
	for range 128 {
		all.ticks += 3000
		all.pieces = append(all.pieces, e.pack(e.next(all.ticks, all.ticks == 3000))...)
	}
	return all
}

var benchmarkShapes = []shape{
	{codec: forward.VP8, spatial: 1, temporal: 3, bits: 15},
	{codec: forward.VP9, spatial: 3, temporal: 3, bits: 15},
	{codec: forward.VP9, spatial: 3, temporal: 3, bits: 15, flexible: true, keyOnly: true},
	{codec: forward.H264, spatial: 1, temporal: 1},
	{codec: forward.AV1, spatial: 1, temporal: 3},
	{codec: forward.AV1, spatial: 3, temporal: 3},
	{codec: forward.AV1, spatial: 3, temporal: 3, keyOnly: true},
}

// What is done once for each packet that comes in.
func BenchmarkRead(b *testing.B) {
	for _, shape := range benchmarkShapes {
		b.Run(shape.String(), func(b *testing.B) {
			stream := newBenchmarkStream(b, shape)
			var r forward.Reader
			var f forward.Frame
			b.ReportAllocs()
			seq := uint16(0)
			for i := 0; b.Loop(); i++ {
				p := stream.pieces[i%len(stream.pieces)]
				seq++
				r.Read(stream.codec, seq, uint32(i), p.Marker, p.Payload, p.Descriptor, &f)
			}
		})
	}
}

// What is done for each packet and receiver: with all layers, and with some
// cut off, where dropped packets count too.
func BenchmarkForward(b *testing.B) {
	for _, target := range []struct {
		name  string
		layer forward.Layer
	}{{"all", forward.HighestLayer}, {"cut", forward.Layer{Spatial: 1, Temporal: 1}}} {
		for _, shape := range benchmarkShapes {
			b.Run(shape.String()+" "+target.name, func(b *testing.B) {
				stream := newBenchmarkStream(b, shape)
				v := forward.NewVideo(90000, 512, 0, 0)
				v.SetTarget(target.layer)
				v.Switch(1)
				var r forward.Reader
				frames := make([]forward.Frame, len(stream.pieces))
				seq, ticks := uint16(0), uint32(0)
				var out forward.Rewritten
				var scratch [forward.ScratchSize]byte
				now := time.Unix(0, 0)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					at := i % len(stream.pieces)
					if at == 0 {
						// Reading is measured elsewhere.
						b.StopTimer()
						for j, p := range stream.pieces {
							seq++
							r.Read(stream.codec, seq, p.Timestamp+ticks, p.Marker, p.Payload, p.Descriptor, &frames[j])
						}
						seq -= uint16(len(stream.pieces))
						b.StartTimer()
					}
					seq++
					p := stream.pieces[at].Packet
					p.Seq, p.Timestamp, p.Frame = seq, p.Timestamp+ticks, &frames[at]
					v.Forward(now, &p, scratch[:], &out)
					if at == len(stream.pieces)-1 {
						ticks += stream.ticks
					}
				}
			})
		}
	}
}
