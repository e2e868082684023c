package configs

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Flags is one command-line flag for each setting, for a parser that fills a
// struct by its tags, as kong does.
type Flags struct {
	fields reflect.Value // a struct with a *string or *bool per row of the table
}

// NewFlags returns flags of which none is given yet.
func NewFlags() *Flags {
	var fields []reflect.StructField
	for i, setting := range table {
		kind := reflect.TypeFor[*string]()
		tag := fmt.Sprintf("name:%q help:%q placeholder:%q", setting.Flag(), help(setting), placeholder(setting))
		if setting.boolean {
			kind = reflect.TypeFor[*bool]()
			tag += ` negatable:""`
		}
		if head := group(setting.Name); head != "" {
			tag += fmt.Sprintf(" group:%q", head)
		}
		fields = append(fields, reflect.StructField{
			Name: "Flag" + strconv.Itoa(i),
			Type: kind,
			Tag:  reflect.StructTag(tag),
		})
	}
	return &Flags{fields: reflect.New(reflect.StructOf(fields)).Elem()}
}

// Struct returns a pointer to the struct that the parser fills: an element for
// kong.Plugins.
func (f *Flags) Struct() any { return f.fields.Addr().Interface() }

// Given returns the flags that the parser found, as Sources wants them.
func (f *Flags) Given() map[string]string {
	given := make(map[string]string)
	for i, setting := range table {
		if field := f.fields.Field(i); !field.IsNil() {
			given[setting.Flag()] = fmt.Sprint(field.Elem().Interface())
		}
	}
	return given
}

// help is the first sentence about a setting: the terminal is no place for the
// rest.
func help(setting Setting) string {
	doc := strings.ReplaceAll(setting.Doc, "`", "")
	if first, _, more := strings.Cut(doc, ". "); more {
		return first + "."
	}
	return doc
}

// placeholder shows the default where the value goes.
func placeholder(setting Setting) string {
	if setting.Default == "" {
		return strings.ToUpper(setting.Name[strings.LastIndex(setting.Name, ".")+1:])
	}
	return setting.Default
}
