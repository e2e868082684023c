package configs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

const envPrefix = "HIROBA_"

// envFile names the file to read when no flag does.
const envFile = envPrefix + "CONFIG"

// others are variables that begin like a setting's but are none.
var others = []string{
	envFile,
	envPrefix + "CHROMIUM",      // the browser of the project's own tests
	envPrefix + "TOKEN",         // what `hiroba doctor` gets in with
	envPrefix + "TURN_PASSWORD", // the same
}

// standardFiles are read when no file is named: the first that is there.
var standardFiles = []string{"/etc/hiroba/hiroba.yaml", "hiroba.yaml"}

// Sources is where a configuration comes from.
type Sources struct {
	// File is the YAML file to read; it must be there. When empty,
	// HIROBA_CONFIG names it, else /etc/hiroba/hiroba.yaml or ./hiroba.yaml is
	// read when there is one.
	File string
	// Environ is the environment, as os.Environ returns it.
	Environ []string
	// Flags are the command-line flags that were given, by name without dashes:
	// "turn-secret".
	Flags map[string]string
	// Relay says that it is for a STUN and TURN server alone. Nobody gets in
	// there but with credentials, so neither keys nor access are asked for;
	// where others can reach it, turn.secret is.
	Relay bool
}

// Load reads the configuration. A flag overrides the environment, which
// overrides the file, which overrides the defaults. The error joins a *Problem
// for everything that is wrong, in all sources, overridden or not; the
// configuration is then of no use.
func Load(sources Sources) (Config, error) {
	environ := settings(sources.Environ)
	l := loader{config: Default(), origin: make(map[string]string), broken: make(map[string]bool)}
	l.readFile(cmp.Or(sources.File, environ[envFile]))
	l.readEnviron(environ)
	l.readFlags(sources.Flags)
	l.imply()
	l.check(sources.Relay)
	return l.config, errors.Join(l.problems...)
}

// loader collects a configuration and everything that is wrong with it.
type loader struct {
	config   Config
	origin   map[string]string // who set a key last; defaults are not in it
	broken   map[string]bool   // keys with a problem: not worth comparing with others
	problems []error
}

func (l *loader) problem(p *Problem) {
	l.broken[p.Key] = true
	l.problems = append(l.problems, p)
}

// set takes a value that source gives to a setting.
func (l *loader) set(setting Setting, value, source string) {
	if !setting.read(&l.config, value) {
		l.problem(impossible(source, setting, value))
		return
	}
	l.origin[setting.Name] = source
}

func (l *loader) readFile(path string) {
	candidates := standardFiles
	if path != "" {
		candidates = []string{path}
	}
	for _, candidate := range candidates {
		data, err := readBounded(candidate)
		if path == "" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			l.problem(&Problem{Source: candidate, Text: "the configuration cannot be read: " + reason(err)})
			return
		}
		l.config.File = candidate
		l.readYAML(candidate, data)
		return
	}
}

// reason is what went wrong, without the path that stands beside it already.
func reason(err error) string {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err.Error()
	}
	return err.Error()
}

// largestFile is far more than every key with a page of comments needs.
const largestFile = 64 * kib

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	if info.Size() > largestFile {
		return nil, fmt.Errorf("it has %d bytes; at most %s are read", info.Size(), writeSize(largestFile))
	}
	return os.ReadFile(path)
}

// settings picks the variables that can be ours. An empty variable counts as
// not set: that is how compose files and unit files pass one on.
func settings(environ []string) map[string]string {
	found := make(map[string]string)
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, envPrefix) && value != "" {
			found[name] = value
		}
	}
	return found
}

func (l *loader) readEnviron(environ map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if slices.Contains(others, name) {
			continue
		}
		setting, known := lookup(func(s Setting) bool { return s.Env() == name })
		if !known {
			l.problem(unknown(name, "setting", name, l.nearestAs(strings.TrimPrefix(name, envPrefix), Setting.Env)))
			continue
		}
		l.set(setting, environ[name], name)
	}
}

func (l *loader) readFlags(flags map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		setting, known := lookup(func(s Setting) bool { return s.Flag() == name })
		if !known {
			near := l.nearestAs(name, func(s Setting) string { return "--" + s.Flag() })
			l.problem(unknown("--"+name, "flag", "--"+name, near))
			continue
		}
		l.set(setting, flags[name], "--"+name)
	}
}

// nearestAs returns the setting nearest to a mistyped name, in the spelling of
// a source.
func (l *loader) nearestAs(name string, spell func(Setting) string) string {
	near := nearest(name, false)
	setting, found := lookup(func(s Setting) bool { return s.Name == near })
	if !found {
		return ""
	}
	return spell(setting)
}
