package configs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
)

// mostTokens bounds the parser, whose memory grows with the square of how deep
// a file is nested: 64 KiB of "[" would take gigabytes. The sample has a few hundred.
const mostTokens = 5000

// readYAML reads the settings of a file. It walks the syntax tree instead of
// decoding into a struct, so that every problem is found, with its line, and
// each value goes through the same reading as one from a flag.
func (l *loader) readYAML(path string, data []byte) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // some editors begin a file with this mark
	tokens := lexer.Tokenize(string(data))
	if len(tokens) > mostTokens {
		l.problem(&Problem{Source: path, Text: fmt.Sprintf("it is made of %d words and signs; at most %d are read", len(tokens), mostTokens)})
		return
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		l.problem(syntaxProblem(path, err))
		return
	}
	f := yamlFile{loader: l, path: path, lines: make(map[string]int)}
	documents := slices.DeleteFunc(file.Docs, func(d *ast.DocumentNode) bool {
		_, directive := d.Body.(*ast.DirectiveNode) // %YAML 1.2
		return directive
	})
	for i, document := range documents {
		if i > 0 {
			l.problem(&Problem{Source: f.at(document.Body), Text: "a second document begins here; the file must be a single one"})
			return
		}
		f.root(document.Body)
	}
}

// syntaxProblem says what the parser did not understand, and where. The
// parser's own text is not used: it shows the lines around, and those may hold
// a secret.
func syntaxProblem(path string, err error) *Problem {
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		return &Problem{
			Source: fmt.Sprintf("%s:%d", path, located.GetToken().Position.Line),
			Text:   "this is not YAML: " + located.GetMessage(),
		}
	}
	return &Problem{Source: path, Text: "this is not YAML"}
}

// yamlFile is the reading of one file.
type yamlFile struct {
	*loader
	path  string
	lines map[string]int // where a key was seen first
}

func (f *yamlFile) at(node ast.Node) string {
	if node == nil || node.GetToken() == nil {
		return f.path
	}
	return fmt.Sprintf("%s:%d", f.path, node.GetToken().Position.Line)
}

func (f *yamlFile) root(body ast.Node) {
	switch body := body.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode: // nothing is set
	case ast.MapNode:
		f.mapping("", body)
	default:
		f.problem(&Problem{Source: f.at(body), Text: fmt.Sprintf("here is %s; the file must be keys with values, such as port: 8080", describe(body))})
	}
}

// mapping reads the keys of the file, or those of a group whose name, with its
// dot, is prefix.
func (f *yamlFile) mapping(prefix string, node ast.MapNode) {
	for entry := node.MapRange(); entry.Next(); {
		key, value := entry.Key(), entry.Value()
		text, plain := keyText(key)
		if !plain {
			f.problem(&Problem{Source: f.at(key), Text: fmt.Sprintf("here is %s; a key must be a plain word", describe(key))})
			continue
		}
		name := prefix + text
		if line, seen := f.lines[name]; seen {
			f.problem(&Problem{f.at(key), name, fmt.Sprintf("%s was set on line %d already; keep one of the two", name, line)})
			continue
		}
		f.lines[name] = key.GetToken().Position.Line

		if _, isGroup := groupDocs[name]; isGroup {
			f.group(name, value)
		} else if setting, known := lookup(func(s Setting) bool { return s.Name == name }); known {
			f.setting(setting, key, value)
		} else {
			f.problem(unknown(f.at(key), "key", name, nearest(name, prefix == "")))
		}
	}
}

// group reads what stands under the name of a group. Nothing is fine: all its
// keys may be commented out.
func (f *yamlFile) group(name string, value ast.Node) {
	switch value := value.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
	case ast.MapNode:
		f.mapping(name+".", value)
	default:
		var keys []string
		for _, setting := range table {
			if group(setting.Name) == name {
				keys = append(keys, strings.TrimPrefix(setting.Name, name+"."))
			}
		}
		f.problem(&Problem{f.at(value), name, fmt.Sprintf("%s is %s; it must be a group of keys: %s", name, describe(value), strings.Join(keys, ", "))})
	}
}

func (f *yamlFile) setting(setting Setting, key, value ast.Node) {
	source := f.at(key)
	text, plain := valueText(value)
	if !plain {
		f.problem(&Problem{source, setting.Name,
			fmt.Sprintf("%s is %s; it must be %s", setting.Name, describe(value), setting.Values)})
		return
	}
	f.set(setting, text, source)
}

func keyText(key ast.Node) (string, bool) {
	name, ok := key.(*ast.StringNode)
	if !ok {
		return "", false
	}
	return name.Value, true
}

// valueText returns a value as it was written; a list is joined with commas.
func valueText(value ast.Node) (string, bool) {
	switch value := value.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return "", true
	case *ast.StringNode:
		return value.Value, true
	case *ast.LiteralNode:
		return strings.TrimSuffix(value.Value.Value, "\n"), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return value.GetToken().Value, true
	case *ast.SequenceNode:
		var items []string
		for _, item := range value.Values {
			if _, nested := item.(*ast.SequenceNode); nested {
				return "", false
			}
			text, plain := valueText(item)
			if !plain {
				return "", false
			}
			items = append(items, text)
		}
		return strings.Join(items, ","), true
	default:
		return "", false
	}
}

// describe names a thing in YAML that cannot be a value, for people.
func describe(node ast.Node) string {
	switch node.(type) {
	case ast.MapNode:
		return "a group of keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "an anchor or alias"
	case *ast.TagNode:
		return "a tag"
	default:
		return "a single value"
	}
}
