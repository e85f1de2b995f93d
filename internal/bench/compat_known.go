package bench

import "path"

// explanation is why tests end otherwise in a guest than on the host, where that is as it should be.
type explanation struct {
	pkg, test   string // test is a pattern of path.Match for the whole name
	host, guest outcome
	why         string
}

// explained are the differences that are inherent to what a guest is, or to what the host is.
var explained = []explanation{
	{"runtime", "TestUsingVDSO", passed, skipped, "it is watched by strace, which the host has and a guest, without other programs, has not"},
	{"net", "TestMultiPathTCP", passed, skipped,
		"a guest has one interface, so one path, and its kernel no multipath TCP; Go listens by TCP where it finds none"},
}

// explain finds why a difference is as it should be.
func explain(d difference) (why string, ok bool) {
	for _, e := range explained {
		match, err := path.Match(e.test, d.test)
		if err == nil && match && e.pkg == d.pkg && e.host == d.host && e.guest == d.guest {
			return e.why, true
		}
	}
	return "", false
}
