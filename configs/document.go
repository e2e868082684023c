package configs

import (
	"fmt"
	"io"
	"strings"
)

// WriteSample writes the annotated hiroba.yaml: every key with its meaning and
// its default.
func WriteSample(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# The configuration of a Hiroba server, with every key at its default.\n" +
		"# Keep the lines that differ and leave out the rest.\n" +
		"#\n" +
		"# Read from --config PATH, else $HIROBA_CONFIG, else /etc/hiroba/hiroba.yaml,\n" +
		"# else ./hiroba.yaml. The environment (HIROBA_TURN_SECRET) overrides this file,\n" +
		"# and flags (--turn-secret) override both. See docs/configuration.md.\n" +
		"#\n" +
		"# Made from configs/table.go by `go generate`; do not edit here.\n")
	current, indent := "", ""
	for _, setting := range table {
		b.WriteString("\n")
		if head := group(setting.Name); head != current {
			current, indent = head, "  "
			fmt.Fprintf(&b, "# %s\n%s:\n", groupDocs[head], head)
		}
		comment(&b, indent, setting)
		fmt.Fprintf(&b, "%s%s: %s\n", indent, strings.TrimPrefix(setting.Name, current+"."), yamlValue(setting.Default))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// comment writes what a setting is for, and what it may be, at most 80 columns
// wide.
func comment(b *strings.Builder, indent string, setting Setting) {
	line := indent + "#"
	text := strings.ReplaceAll(setting.Doc, "`", "") + " Must be " + setting.Values + "."
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 80 {
			b.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// yamlValue writes a default, which never needs quotes unless it is empty.
func yamlValue(text string) string {
	if text == "" {
		return `""`
	}
	return text
}

// WriteReference writes docs/configuration.md.
func WriteReference(w io.Writer) error {
	var b strings.Builder
	b.WriteString(referenceHead)
	current := "none yet"
	for _, setting := range table {
		if head := group(setting.Name); head != current {
			current = head
			title, doc := "`"+head+"`", groupDocs[head]
			if head == "" {
				title, doc = "The server", "What it listens on, who may use it, how it ends."
			}
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| key | default | may be | what it is for |\n|---|---|---|---|\n", title, doc)
		}
		fallback := "empty"
		if setting.Default != "" {
			fallback = "`" + setting.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s`<br>`%s`<br>`--%s` | %s | %s | %s |\n",
			setting.Name, setting.Env(), setting.Flag(), fallback, setting.Values, setting.Doc)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const referenceHead = `# Configuration

<!-- Made from configs/table.go by go generate; do not edit here. -->

Hiroba runs without any configuration. What is set comes from four places; each overrides the ones before it:

1. the defaults below;
2. a YAML file: ` + "`--config PATH`, else `$HIROBA_CONFIG`, else `/etc/hiroba/hiroba.yaml`, else `./hiroba.yaml`" + `;
3. the environment: ` + "`HIROBA_` and the key in capitals, `HIROBA_TURN_SECRET` for `turn.secret`; an empty variable counts as not set" + `;
4. flags: ` + "`--turn-secret`" + `.

[configs/hiroba.yaml](../configs/hiroba.yaml) is a file with every key at its default, to copy from. The part of a key
before its dot is a group in the file:

` + "```yaml\nport: 8080\nturn:\n  relay_ports: 49152-65535\n```" + `

Everything is checked before anything starts. A key that does not exist and a value that is not possible are refused, all
of them at once, each with the place where it was said and what would be right:

` + "```\nhiroba.yaml:3: there is no key \"turn.secert\"; did you mean turn.secret?\nHIROBA_PORT: port is \"80800\"; it must be a whole number from 0 to 65535\n```" + `

A size is a number of bytes or has a unit: 512KiB, 1MiB, 1GiB. A duration has a unit: 500ms, 10s, 5m, 1h30m. A list is
written with commas, in the file also as a YAML list.

In Kubernetes, a Service named ` + "`hiroba` puts variables such as `HIROBA_PORT=tcp://…`" + ` into every pod beside it. They are refused like
any other impossible value: set ` + "`enableServiceLinks: false`" + ` in the pod, or name the Service otherwise.
`
