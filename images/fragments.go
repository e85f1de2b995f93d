package images

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// kernelFiles are the fragments of the kernel's configuration and the patches to its source.
//
//go:embed kernel/*.config kernel/patches/*.patch
var kernelFiles embed.FS

// option is one line of a kernel configuration.
type option struct {
	Name  string // with CONFIG_
	Value string // "n" = not set
}

func (o option) String() string {
	if o.Value == "n" {
		return "# " + o.Name + " is not set"
	}
	return o.Name + "=" + o.Value
}

var (
	optionSet   = regexp.MustCompile(`^(CONFIG_[A-Za-z0-9_]+)=(.+)$`)
	optionUnset = regexp.MustCompile(`^# (CONFIG_[A-Za-z0-9_]+) is not set$`)
)

// parseOptions reads a fragment, or a whole configuration, in the kernel's own format. A line
// that is neither option nor comment is an error: the kernel would pass over it in silence.
func parseOptions(text string) ([]option, error) {
	var options []option
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if m := optionSet.FindStringSubmatch(line); m != nil {
			options = append(options, option{m[1], m[2]})
		} else if m := optionUnset.FindStringSubmatch(line); m != nil {
			options = append(options, option{m[1], "n"})
		} else if line != "" && !strings.HasPrefix(line, "#") {
			return nil, fmt.Errorf("line %d: %q is no option", n+1, line)
		}
	}
	return options, nil
}

// mergeFragments returns the options of all fragments in a folder, in the order of the file
// names. An option named twice is an error, since only one of the two could be true.
func mergeFragments(fsys fs.FS, dir string) ([]option, error) {
	paths, err := fs.Glob(fsys, dir+"/*.config")
	if err != nil {
		return nil, err
	}
	seen := map[string]string{}
	var merged []option
	for _, path := range paths {
		text, err := fs.ReadFile(fsys, path)
		if err != nil {
			return nil, err
		}
		options, err := parseOptions(string(text))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		for _, o := range options {
			if before, ok := seen[o.Name]; ok {
				return nil, fmt.Errorf("merge fragments: %s is in %s and in %s", o.Name, before, path)
			}
			seen[o.Name] = path
		}
		merged = append(merged, options...)
	}
	return merged, nil
}

// configText is a configuration file with these options.
func configText(options []option) string {
	var b strings.Builder
	for _, o := range options {
		b.WriteString(o.String() + "\n")
	}
	return b.String()
}

// checkOptions compares what was asked for with the configuration that the kernel made of it
// and returns an *OptionsError that names each difference.
func checkOptions(want []option, config string) error {
	options, err := parseOptions(config)
	if err != nil {
		return fmt.Errorf("read kernel configuration: %w", err)
	}
	got := map[string]string{}
	for _, o := range options {
		got[o.Name] = o.Value
	}
	var lost []string
	for _, o := range want {
		has, ok := got[o.Name]
		switch {
		case has == o.Value || !ok && o.Value == "n":
		case !ok:
			lost = append(lost, fmt.Sprintf("%s (it is absent)", o))
		default:
			lost = append(lost, fmt.Sprintf("%s (it is %s)", o, has))
		}
	}
	if lost == nil {
		return nil
	}
	slices.Sort(lost)
	return &OptionsError{lost}
}
