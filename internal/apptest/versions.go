package apptest

// The servers, pinned: a test that follows what others publish fails when they do.
const (
	Nats  = "github.com/nats-io/nats-server/v2@v2.15.2"
	Caddy = "github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9"
	Etcd  = "go.etcd.io/etcd/server/v3@v3.7.3"
)
