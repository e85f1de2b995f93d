package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	silo "github.com/silo-os/silo/runtime"
)

func TestPageHosted(t *testing.T) {
	guest, err := silo.Start()
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	page(guest).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	if rec.Code != http.StatusOK || !strings.HasPrefix(rec.Body.String(), "hello from") {
		t.Fatalf("got %d %q", rec.Code, rec.Body)
	}
}
