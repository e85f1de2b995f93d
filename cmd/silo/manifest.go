package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/silo-os/silo/host/manifest"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/images"
)

// findManifest reads the manifest that path names, or, where it names none, the one in the folder of the package. nil =
// there is none.
func findManifest(path, what string) (*manifest.Manifest, error) {
	if path != "" {
		return manifest.Read(path)
	}
	info, err := os.Stat(what)
	if err != nil || !info.IsDir() {
		return nil, nil // no folder: an import path, or a program
	}
	m, err := manifest.Read(filepath.Join(what, manifest.FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return m, err
}

// setting is a key of the manifest that a flag says as well, which then counts.
type setting struct {
	key, flag string
	values    []manifest.Text
}

func settings(m *manifest.Manifest) (all []setting) {
	core := m.Core
	if core.Value != "" && !filepath.IsAbs(core.Value) {
		core.Value = filepath.Join(filepath.Dir(m.File), core.Value)
	}
	for _, s := range []struct {
		key, flag string
		value     manifest.Text
	}{
		{"name", "name", m.Name}, {"memory", "memory", m.Memory}, {"cpus", "cpus", m.CPUs}, {"weight", "weight", m.Weight},
		{"network", "network", m.Network}, {"restart", "restart", m.Restart}, {"shutdown", "shutdown-within", m.Shutdown},
		{"hello", "hello-within", m.Hello}, {"refuse-after", "refuse-after", m.Refuse}, {"answer-within", "answer-within", m.Answer}, {"template", "template", m.Saved},
		{"dir", "dir", m.Dir}, {"bridge", "net", m.Bridge}, {"core", "core", core},
	} {
		if s.value.Line != 0 {
			all = append(all, setting{s.key, s.flag, []manifest.Text{s.value}})
		}
	}
	return append(all, setting{"ports", "publish", m.Ports}, setting{"volumes", "volume", m.Volumes}, setting{"dns", "dns", m.DNS})
}

// applyManifest sets the flags that were not given by what the manifest says.
func applyManifest(m *manifest.Manifest, f *pflag.FlagSet) error {
	given := map[string]bool{}
	f.Visit(func(flag *pflag.Flag) { given[flag.Name] = true })
	for _, s := range settings(m) {
		flag := f.Lookup(s.flag)
		if given[s.flag] || otherNetwork(s.flag, given) {
			continue
		}
		for _, v := range s.values {
			if flag == nil {
				return m.Fault(v, "%s: this command has no such thing", s.key)
			}
			if err := flag.Value.Set(v.Value); err != nil {
				return m.Fault(v, "%s: %v", s.key, err)
			}
		}
		if len(s.values) > 0 {
			flag.Changed = true
		}
	}
	return nil
}

// otherNetwork reports whether the flags have chosen a network beside which a setting makes no sense.
func otherNetwork(setting string, given map[string]bool) bool {
	switch setting {
	case "net":
		return given["network"] || given["publish"]
	case "network", "publish":
		return given["net"]
	}
	return false
}

// manifestEnv is the environment that the manifest gives, but for what the flags give. Values of secrets are read now, and
// go to the guest in the answer to its Hello.
func manifestEnv(m *manifest.Manifest, given []string, lookup func(string) (string, bool)) ([]string, error) {
	env := slices.Clone(given)
	has := func(name string) bool {
		return slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
	}
	for _, s := range m.Secrets {
		if has(s.Name) {
			continue
		}
		v, err := s.Resolve(filepath.Dir(m.File), lookup)
		if err != nil {
			return nil, &manifest.Error{File: m.File, Line: s.Line, What: err.Error()}
		}
		env = append(env, s.Name+"="+v)
	}
	for _, p := range m.Env {
		if !has(p.Name) {
			env = append(env, p.Name+"="+p.Value)
		}
	}
	return env, nil
}

// manifestFiles are the files that the manifest adds to the image.
func manifestFiles(m *manifest.Manifest) (files []images.File) {
	if m == nil {
		return nil
	}
	for _, f := range m.Files {
		source := f.Value
		if !filepath.IsAbs(source) {
			source = filepath.Join(filepath.Dir(m.File), source)
		}
		if abs, err := filepath.Abs(source); err == nil {
			source = abs
		}
		files = append(files, images.File{Path: path.Clean(f.Name), Source: source})
	}
	return files
}

// probe is a probe in the words of the call interface.
func probe(p *manifest.Probe) *hvcall.Probe {
	if p == nil {
		return nil
	}
	return &hvcall.Probe{Port: p.Port, Path: p.Path, EveryMS: p.Every.Milliseconds(), WithinMS: p.Within.Milliseconds(), Failures: p.Failures}
}

// manifestFlag is -f.
func manifestFlag(f *pflag.FlagSet, path *string) {
	f.StringVarP(path, "file", "f", "", fmt.Sprintf("`manifest` (default %s in the package's folder)", manifest.FileName))
}
