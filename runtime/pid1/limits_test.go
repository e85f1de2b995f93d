package pid1

import "testing"

func TestLimitsFollowTheMaximum(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		name   string
		memory int64
		want   string
	}{
		{"kernel/threads-max", 64 * mib, "4096"}, {"kernel/threads-max", gib, "8192"}, {"kernel/threads-max", 64 * gib, "32000"},
		{"fs/file-max", 64 * mib, "65536"}, {"fs/file-max", 8 * gib, "838860"},
		{"net/ipv4/tcp_max_orphans", 64 * mib, "4096"}, {"net/ipv4/tcp_max_orphans", 16 * gib, "65536"},
	} {
		for _, l := range limitsByMemory {
			if got := l.value(c.memory); l.name == c.name && got != c.want {
				t.Errorf("%s of %d MiB: %s, want %s", c.name, c.memory/mib, got, c.want)
			}
		}
	}
	// As Linux 6.1 says for 1 GiB, all of which it could use.
	if got, want := networkPages(gib, 16), "12288 16384 24576"; got != want {
		t.Errorf("pages of TCP %s, want %s", got, want)
	}
	for _, c := range []struct {
		memory     int64
		send, recv string
	}{
		{4 * mib, "4096 16384 65536", "4096 131072 131072"}, // Linux's least
		{64 * mib, "4096 16384 524288", "4096 131072 524288"},
		{512 * mib, "4096 16384 4194304", "4096 131072 4194304"},
		{gib, "4096 16384 4194304", "4096 131072 6291456"}, // Linux's most
		{64 * gib, "4096 16384 4194304", "4096 131072 6291456"},
	} {
		send, recv := bufferSizes(c.memory, 16<<10, 64<<10, 4<<20), bufferSizes(c.memory, 128<<10, 128<<10, 6<<20)
		if send != c.send || recv != c.recv {
			t.Errorf("%d MiB: buffers %s and %s, want %s and %s", c.memory/mib, send, recv, c.send, c.recv)
		}
	}
}
