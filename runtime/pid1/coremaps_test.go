package pid1

import (
	"os"
	"testing"
)

func TestKept(t *testing.T) {
	for line, want := range map[string]uint64{
		"00400000-00500000 r-xp 00000000 00:11 7                          /app/main":           pageSize, // its headers
		"00500000-00600000 r--p 00100000 00:11 7                          /app/main":           0,
		"00600000-00610000 rw-p 00200000 00:11 7                          /app/main":           0x10000,
		"c000000000-c000400000 rw-p 00000000 00:00 0 ":                                         0x400000,
		"c000400000-c004000000 ---p 00000000 00:00 0 ":                                         0,
		"7f0000000000-7f0000001000 r--p 00000000 00:00 0 ":                                     0x1000,
		"7f0000000000-7f0000001000 rw-s 00000000 00:01 5                  /dev/zero (deleted)": 0,
		"7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                  [stack]":             0x21000,
		"7ffd00022000-7ffd00026000 r--p 00000000 00:00 0                  [vvar]":              0,
		"7ffd00026000-7ffd00028000 r-xp 00000000 00:00 0                  [vdso]":              0x2000,
		"ffffffffff600000-ffffffffff601000 r-xp 00000000 00:00 0          [vsyscall]":          0,
	} {
		maps, err := parseMaps([]byte(line + "\n"))
		if err != nil || len(maps) != 1 || maps[0].kept() != want {
			t.Errorf("%s: %+v, %v, want %#x", line, maps, err, want)
		}
	}
	if m, err := parseMapping("00400000-00500000 r-xp 00001000 00:11 7    /a file"); err != nil || m != (mapping{0x400000, 0x500000, "r-xp", 0x1000, 7, "/a file"}) {
		t.Errorf("%+v, %v", m, err)
	}
	for _, bad := range []string{"\n", "x", "00400000-00500000 r-xp", "00500000-00400000 r-xp 0 00:11 7", "00400001-00500000 r-xp 0 00:11 7", "00400000 r-xp 0 00:11 7", "00400000-00500000 r-xp 0 00:11 x"} {
		if _, err := parseMaps([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// FuzzParseMaps: names are the application's, and nothing that is accepted is larger than what it is of.
func FuzzParseMaps(f *testing.F) {
	own, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(own)
	f.Fuzz(func(t *testing.T, b []byte) {
		maps, _ := parseMaps(b)
		for _, m := range maps {
			if m.kept() > m.end-m.start {
				t.Errorf("%+v keeps %d bytes", m, m.kept())
			}
		}
	})
}
