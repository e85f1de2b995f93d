package hvcall

import "testing"

func TestCheckVolumePath(t *testing.T) {
	for path, want := range map[string]string{
		"/data": "", "/var/lib/db": "", "/etc/tls": "", "/tmp": "", "/process": "", "/developers/x": "",
		"":          "it is not an absolute path",
		"data":      "it is not an absolute path",
		"/a\x00b":   "it is not an absolute path",
		"/data/":    "write it as /data",
		"/a/../b":   "write it as /b",
		"//data":    "write it as /data",
		"/":         "a volume cannot be the whole of the guest",
		"/proc":     "/proc is the guest's own",
		"/dev/shm":  "/dev is the guest's own",
		"/app/main": "/app is the guest's own",
		"/init":     "/init is the guest's own",
	} {
		if got := CheckVolumePath(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
