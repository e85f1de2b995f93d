package daemon

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/nodeapi"
)

// FuzzRequest: whatever is asked, the answer is JSON with a status that says whose fault it is, a refusal has one line, and
// the node is as able as before.
func FuzzRequest(f *testing.F) {
	r := newRig(f)
	h := r.Handler()
	r.create(r.spec("kv"))
	for _, s := range []struct{ method, path, body string }{
		{"GET", "/v1", ""}, {"GET", "/v1/guests", ""}, {"GET", "/v1/guests/kv", ""}, {"GET", "/v1/dump", ""}, {"DELETE", "/v1/guests/kv", ""},
		{"POST", "/v1/guests", `{"name":"x","kernel":"/k","initramfs":"/i","memory":{"min":67108864},"cpu":{},"env":["A=b"],"ports":[{"guest_port":80}]}`},
		{"PATCH", "/v1/guests/kv", `{"memory_max":134217728,"weight":7}`}, {"PATCH", "/v1/guests/kv", `{"cpu_min":1,"cpu_max":2000}`},
		{"GET", "/v1/guests/kv/logs?after=1", ""}, {"GET", "/v1/guests/kv/logs?after=-1&follow=maybe", ""},
		{"POST", "/v1/guests/none/stop", `{"within_ms":1}`}, {"POST", "/v1/guests/%2e%2e/kill", ""}, {"GET", "/v2", ""}, {"PUT", "/v1/guests", "[1]"},
	} {
		f.Add(s.method, s.path, []byte(s.body))
	}
	f.Fuzz(func(t *testing.T, method, path string, body []byte) {
		if strings.Contains(path, "follow") || strings.Contains(path, "kv/wait") || strings.Contains(path, "kv/stop") || strings.Contains(path, "kv/kill") {
			return // these wait for the guest, or end it, as they should
		}
		req, ok := request(method, path, body)
		if !ok {
			return
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code >= 500 || w.Code < 200 {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		if w.Code >= 400 && w.Code != 405 {
			var refusal nodeapi.Error
			if err := json.Unmarshal(w.Body.Bytes(), &refusal); err != nil || refusal.Message == "" || strings.Contains(refusal.Message, "\n") || refusal.Code.Status() != w.Code {
				t.Errorf("%s %s: %d %q, %v", method, path, w.Code, w.Body, err)
			}
		}
		if g, err := r.Guest("kv"); err != nil || g.State != nodeapi.StateRunning {
			t.Errorf("the guest is %+v, %v", g, err)
		}
		for _, g := range r.Guests() {
			if g.Name != "kv" {
				t.Errorf("%+v was created without an image", g)
			}
		}
	})
}

// FuzzSpec: a spec that is accepted is one that a node can be told.
func FuzzSpec(f *testing.F) {
	f.Add([]byte(`{"name":"x","kernel":"/k","initramfs":"/i"}`))
	f.Add([]byte(`{"name":"a.b-c_d","kernel":"/k","initramfs":"/i","args":["-x"],"env":["A=b"],"memory":{"min":67108864,"max":134217728},"cpu":{"min_milli":500,"max_milli":1500},"restart":"always","network":"none"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var s nodeapi.Spec
		if read(httptest.NewRequest("POST", "/v1/guests", bytes.NewReader(body)), &s) != nil || check(s) != nil {
			return
		}
		if s.Name != "" && (!goodName.MatchString(s.Name) || strings.ContainsAny(s.Name, "/\x00")) {
			t.Errorf("name %q", s.Name)
		}
		n := guestSpec(s)
		if n.HelloDeadline < 0 || n.ShutdownWithin < 0 || n.RefuseAfter < 0 || int64(n.CPU.MaxMilli) != s.CPU.MaxMilli {
			t.Errorf("%+v became %+v", s, n)
		}
		b, err := json.Marshal(s)
		var again nodeapi.Spec
		if err != nil || json.Unmarshal(b, &again) != nil {
			t.Errorf("%s is not read back: %v", b, err)
		}
	})
}

// request makes a request of a client that may write what it likes where HTTP lets it.
func request(method, path string, body []byte) (r *http.Request, ok bool) {
	defer func() { ok = recover() == nil }() // httptest panics on what is no request
	return httptest.NewRequest(method, path, bytes.NewReader(body)), true
}
