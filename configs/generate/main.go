// Command generate writes the annotated sample hiroba.yaml and
// docs/configuration.md from the table of settings. `go generate ./...` runs
// it in the folder of package configs.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/hiroba-rtc/hiroba/configs"
)

func main() {
	for path, write := range map[string]func(io.Writer) error{
		"hiroba.yaml":              configs.WriteSample,
		"../docs/configuration.md": configs.WriteReference,
	} {
		var text bytes.Buffer
		if err := write(&text); err != nil {
			fail(err)
		}
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "generate:", err)
	os.Exit(1)
}
