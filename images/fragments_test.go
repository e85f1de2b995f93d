package images

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// TestOwnFragmentsMerge: the embedded fragments are in order, before anything is compiled.
func TestOwnFragmentsMerge(t *testing.T) {
	options, err := mergeFragments(kernelFiles, "kernel")
	if err != nil {
		t.Fatal(err)
	}
	text := configText(options)
	for _, want := range []string{"CONFIG_PVH=y", "CONFIG_VIRTIO_MEM=y", "CONFIG_MEMCG=y", "CONFIG_IPV6=y"} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%s is in no fragment", want)
		}
	}
	if strings.Contains(text, "=m\n") {
		t.Error("a fragment asks for a module: a guest has none")
	}
}

func TestMergeFragmentsRefuses(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"CONFIG_A is in k/1.config and in k/2.config": {
			"k/1.config": {Data: []byte("CONFIG_A=y\n")}, "k/2.config": {Data: []byte("# CONFIG_A is not set\n")}},
		`read k/1.config: line 2: "CONFIG_A" is no option`: {
			"k/1.config": {Data: []byte("# why\nCONFIG_A\n")}},
	} {
		if _, err := mergeFragments(files, "k"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q", err, name)
		}
	}
}

func TestCheckOptions(t *testing.T) {
	want := []option{{"CONFIG_A", "y"}, {"CONFIG_B", "16"}, {"CONFIG_C", "n"}, {"CONFIG_D", "n"}, {"CONFIG_E", "y"}}
	if err := checkOptions(want, "CONFIG_A=y\nCONFIG_B=16\n# CONFIG_C is not set\nCONFIG_E=y\nCONFIG_Z=y\n"); err != nil {
		t.Errorf("all kept: %v", err)
	}
	err := checkOptions(want, "# CONFIG_A is not set\nCONFIG_B=17\nCONFIG_C=y\n")
	var lost *OptionsError
	if !errors.As(err, &lost) {
		t.Fatalf("error %v, want *OptionsError", err)
	}
	names := []string{
		"# CONFIG_C is not set (it is y)", "CONFIG_A=y (it is n)", "CONFIG_B=16 (it is 17)", "CONFIG_E=y (it is absent)",
	}
	if !slices.Equal(lost.Options, names) {
		t.Errorf("lost %q, want %q", lost.Options, names)
	}
}

// TestOptionsRoundTrip: what is written is what was meant, whatever the options.
func TestOptionsRoundTrip(t *testing.T) {
	gen := rapid.Custom(func(t *rapid.T) option {
		return option{
			Name:  "CONFIG_" + rapid.StringMatching(`[A-Z][A-Z0-9_]{0,20}`).Draw(t, "name"),
			Value: rapid.SampledFrom([]string{"y", "n", "250", "0x1000000", `"text"`}).Draw(t, "value"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		options := rapid.SliceOfDistinct(gen, func(o option) string { return o.Name }).Draw(t, "options")
		got, err := parseOptions(configText(options))
		if err != nil || !slices.Equal(got, options) {
			t.Fatalf("got %v, %v; want %v", got, err, options)
		}
		if err := checkOptions(options, configText(options)); err != nil {
			t.Fatal(err)
		}
	})
}
