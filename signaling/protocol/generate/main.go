// Command generate makes the Go code of the protobuf schema and the
// TypeScript types of its JSON form. `go generate ./...` runs it from the
// repository's root; it needs no protoc.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/pluginpb"
)

// sources maps the import path of each schema file to where it lies.
var sources = map[string]string{
	"hiroba/v1/signal.proto": "signaling/protocol/signal.proto",
	"hiroba/v1/rooms.proto":  "signaling/protocol/rooms.proto",
	"hiroba/v1/relay.proto":  "signaling/protocol/relay.proto",
	"hiroba/v1/data.proto":   "internal/dataframe/data.proto",
}

// typeScript is where the types of the JSON form go.
const typeScript = "web/sdk/messages.d.ts"

const module = "github.com/hiroba-rtc/hiroba"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	compiler := protocompile.Compiler{
		Resolver: &protocompile.SourceResolver{Accessor: func(path string) (io.ReadCloser, error) {
			return os.Open(filepath.Join(root, sources[path]))
		}},
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	paths := []string{"hiroba/v1/signal.proto", "hiroba/v1/data.proto", "hiroba/v1/rooms.proto", "hiroba/v1/relay.proto"}
	files, err := compiler.Compile(context.Background(), paths...)
	if err != nil {
		return err
	}

	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: paths,
		Parameter:      proto.String("module=" + module),
	}
	for _, file := range files {
		request.ProtoFile = append(request.ProtoFile, protoutil.ProtoFromFileDescriptor(file))
	}
	for _, plugin := range []string{"protoc-gen-go", "protoc-gen-connect-go"} {
		if err := generateGo(root, plugin, request); err != nil {
			return err
		}
	}

	var types bytes.Buffer
	types.WriteString("// Made from signaling/protocol/signal.proto by `go generate`; do not edit.\n")
	types.WriteString("// The JSON form of hiroba.v1, as protojson writes it: 64-bit numbers are\n")
	types.WriteString("// strings, and a field with its zero value is left out.\n")
	writeTypeScript(&types, files[0])
	return os.WriteFile(filepath.Join(root, typeScript), types.Bytes(), 0o644)
}

// moduleRoot finds the folder of go.mod above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// generateGo runs one of the plugins that go.mod pins.
func generateGo(root, name string, request *pluginpb.CodeGeneratorRequest) error {
	in, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	plugin := exec.Command("go", "tool", name)
	plugin.Dir = root
	plugin.Stdin = bytes.NewReader(in)
	plugin.Stderr = os.Stderr
	out, err := plugin.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	response := &pluginpb.CodeGeneratorResponse{}
	if err := proto.Unmarshal(out, response); err != nil {
		return err
	}
	if response.Error != nil {
		return fmt.Errorf("%s: %s", name, response.GetError())
	}
	for _, file := range response.GetFile() {
		path := filepath.Join(root, file.GetName())
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(file.GetContent()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeTypeScript writes one exported interface per message and one string
// union per enum.
func writeTypeScript(out *bytes.Buffer, file protoreflect.FileDescriptor) {
	for i := range file.Enums().Len() {
		writeEnum(out, file.Enums().Get(i))
	}
	for i := range file.Messages().Len() {
		writeMessage(out, file.Messages().Get(i))
	}
}

func writeEnum(out *bytes.Buffer, enum protoreflect.EnumDescriptor) {
	var names []string
	for i := range enum.Values().Len() {
		names = append(names, fmt.Sprintf("%q", enum.Values().Get(i).Name()))
	}
	fmt.Fprintf(out, "\nexport type %s = %s;\n", typeName(enum), strings.Join(names, " | "))
}

func writeMessage(out *bytes.Buffer, message protoreflect.MessageDescriptor) {
	for i := range message.Enums().Len() {
		writeEnum(out, message.Enums().Get(i))
	}
	for i := range message.Messages().Len() {
		writeMessage(out, message.Messages().Get(i))
	}
	comment(out, "", message)
	fmt.Fprintf(out, "export interface %s {\n", typeName(message))
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		comment(out, "  ", field)
		array := ""
		if field.IsList() {
			array = "[]"
		}
		fmt.Fprintf(out, "  %s?: %s%s;\n", field.JSONName(), fieldType(field), array)
	}
	out.WriteString("}\n")
}

func comment(out *bytes.Buffer, indent string, d protoreflect.Descriptor) {
	text := strings.TrimSpace(d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments)
	if text == "" {
		if indent == "" {
			out.WriteString("\n")
		}
		return
	}
	if indent == "" {
		out.WriteString("\n")
	}
	fmt.Fprintf(out, "%s/**\n", indent)
	for line := range strings.Lines(text) {
		fmt.Fprintf(out, "%s * %s\n", indent, strings.TrimSpace(line))
	}
	fmt.Fprintf(out, "%s */\n", indent)
}

// typeName joins the names of nested types: Error.Code becomes ErrorCode.
func typeName(d protoreflect.Descriptor) string {
	name := string(d.Name())
	if parent, nested := d.Parent().(protoreflect.MessageDescriptor); nested {
		return typeName(parent) + name
	}
	return name
}

func fieldType(field protoreflect.FieldDescriptor) string {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return "boolean"
	case protoreflect.StringKind, protoreflect.BytesKind,
		protoreflect.Int64Kind, protoreflect.Uint64Kind:
		return "string"
	case protoreflect.EnumKind:
		return typeName(field.Enum())
	case protoreflect.MessageKind:
		return typeName(field.Message())
	default:
		return "number"
	}
}
