package hvcall

import (
	"encoding/binary"
	"reflect"
	"testing"
)

// field is a piece of a fixed layout as PROTOCOL.md states it.
type field struct {
	off, size int
	name      string // of the struct's field; "" = padding, zero on the wire
}

// layouts are the fixed layouts, written by hand from PROTOCOL.md and not from the code: a change of
// either shows here.
var layouts = map[string][]field{
	"Demand": {
		{0, 8, "Revision"}, {8, 8, "Memory"}, {16, 8, "Floor"}, {24, 8, "IO"}, {32, 4, "MilliCPU"},
		{36, 4, "MilliCPUFloor"}, {40, 8, "Applied"}, {48, 1, "Urgency"}, {49, 1, "Reason"}, {50, 6, ""},
	},
	"Grant": {
		{0, 8, "Serial"}, {8, 8, "Revision"}, {16, 8, "Memory"}, {24, 8, "IO"}, {32, 4, "MilliCPU"},
		{36, 4, "Within"}, {40, 8, "Price"}, {48, 1, "Limit"}, {49, 7, ""},
	},
	"Usage": {
		{0, 8, "Applied"}, {8, 8, "Total"}, {16, 8, "Free"}, {24, 8, "Application"}, {32, 8, "Live"},
		{40, 8, "Stalls"}, {48, 8, "StallNanos"}, {56, 8, "Kills"}, {64, 8, "Cycles"}, {72, 8, "CPUNanos"},
		{80, 4, "MilliCPU"}, {84, 4, "Online"}, {88, 4, "Runnable"}, {92, 4, "GoMaxProcs"},
	},
	"Clock":    {{0, 8, "UnixNanos"}},
	"Shutdown": {{0, 8, "Within"}},
	"Steal":    {{0, 4, "Taken"}, {4, 4, "Span"}},
}

// fixed are the messages with a fixed layout.
var fixed = []interface{ AppendTo([]byte) []byte }{Demand{}, Grant{}, Usage{}, Clock{}, Shutdown{}, Steal{}}

func TestLayoutOffsets(t *testing.T) {
	for _, m := range fixed {
		typ := reflect.TypeOf(m)
		end, covered := 0, map[string]bool{}
		for _, f := range layouts[typ.Name()] {
			if f.off != end {
				t.Errorf("%s.%s: stated offset %d leaves a gap or overlaps at %d", typ.Name(), f.name, f.off, end)
			}
			end = f.off + f.size
			if f.name != "" {
				covered[f.name] = true
				checkField(t, typ, f)
			}
		}
		if got := len(m.AppendTo(nil)); got != end {
			t.Errorf("%s: %d bytes on the wire, want %d", typ.Name(), got, end)
		}
		for i := range typ.NumField() {
			if !covered[typ.Field(i).Name] {
				t.Errorf("%s.%s is not in the layout", typ.Name(), typ.Field(i).Name)
			}
		}
	}
}

// checkField sets one field alone and looks where it lands: at its offset, little endian, and
// nowhere else.
func checkField(t *testing.T, typ reflect.Type, f field) {
	t.Helper()
	v := reflect.New(typ).Elem()
	want := uint64(1)
	for i := 1; i < f.size; i++ {
		want = want<<8 | uint64(i+1)
	}
	set := v.FieldByName(f.name)
	if set.Kind() == reflect.Int64 { // whole milliseconds on the wire, nanoseconds in memory
		want = 0x05060708
		set.SetInt(int64(want) * 1e6)
	} else {
		set.SetUint(want)
	}
	wire := v.Interface().(interface{ AppendTo([]byte) []byte }).AppendTo(nil)
	var b [8]byte
	copy(b[:], wire[f.off:f.off+f.size])
	if got := binary.LittleEndian.Uint64(b[:]); got != want {
		t.Errorf("%s.%s: %#x at offset %d, want %#x", typ.Name(), f.name, got, f.off, want)
	}
	for i, x := range wire {
		if x != 0 && (i < f.off || i >= f.off+f.size) {
			t.Errorf("%s.%s also set byte %d", typ.Name(), f.name, i)
		}
	}
}

func TestHeaderLayout(t *testing.T) {
	got := AppendFrame(nil, Frame{Header{Op: 0x0102, Flags: 0x0304, Seq: 0x05060708}, make([]byte, 0x0b0a)})
	want := []byte{'S', 'I', 'L', 'O', 2, 1, 4, 3, 0x0a, 0x0b, 0, 0, 8, 7, 6, 5}
	if string(got[:HeaderSize]) != string(want) {
		t.Errorf("header % x, want % x", got[:HeaderSize], want)
	}
	if len(want) != HeaderSize {
		t.Errorf("HeaderSize is %d, want %d", HeaderSize, len(want))
	}
}
