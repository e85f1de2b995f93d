package importrules

// Module is the path all packages of silo start with.
const Module = "github.com/silo-os/silo"

// Rule says what the packages under a path may import. The rule with the longest path decides.
type Rule struct {
	Path string   // below Module; the package there and all below it
	Silo []string // packages of silo it may import, each with all below; its own path need not be named
	Std  []string // packages of the standard library it may not import, each with all below
	Lean bool     // other modules only from golang.org/x, indirectly too: applications pay for them
	Why  string   // told with each violation
}

// Rules are silo's. A package without a rule is a violation: its place must be thought about.
var Rules = []Rule{
	{Path: "hvcall", Lean: true,
		Why: "the call interface stands below everything"},
	{Path: "alloc", Silo: []string{"hvcall", "internal/alarm", "internal/moments", "internal/recent"}, Lean: true,
		Why: "a governor knows its demand and its grant and nothing else"},
	{Path: "sched", Silo: []string{"hvcall", "internal/alarm", "internal/moments", "internal/recent", "internal/threads"}, Lean: true,
		Why: "a governor knows its demand and its grant and nothing else"},
	{Path: "runtime", Silo: []string{"hvcall", "alloc", "sched"}, Lean: true,
		Why: "applications import the facade and pay for all it imports"},
	{Path: "runtime/auto", Silo: []string{"runtime"}, Lean: true,
		Why: "the blank import is the facade without its names"},
	{Path: "runtime/pid1", Silo: []string{"hvcall", "sched", "internal/alarm", "internal/recent", "internal/threads"},
		Why: "PID 1 speaks the protocol; it shares nothing with an application but the governors' parts"},
	{Path: "images", Silo: []string{"internal"},
		Why: "an image is made before there is a host or a guest"},
	{Path: "images/init", Silo: []string{"runtime/pid1"},
		Why: "the main package of PID 1 is only its start"},
	{Path: "host", Silo: []string{"hvcall", "internal"},
		Why: "the host never runs guest code"},
	{Path: "host/broker", Silo: []string{"hvcall"}, Std: []string{"os", "net", "syscall", "log", "math/rand"}, Lean: true,
		Why: "the broker is pure: events in, actions out"},
	{Path: "host/broker/sim", Silo: []string{"host/broker", "hvcall"}, Std: []string{"os", "net", "syscall", "log"}, Lean: true,
		Why: "a world is made from its seed and nothing else"},
	{Path: "host/move", Std: []string{"os", "net", "syscall", "log", "math/rand"}, Lean: true,
		Why: "a move is decided purely: events in, acts out"},
	{Path: "host/bridge", Std: []string{"os", "syscall", "log"}, Lean: true,
		Why: "an attachment is a value; what is done with it is package tap's"},
	{Path: "host/bridge/tap", Silo: []string{"host/bridge"},
		Why: "a device is made of an attachment and nothing else"},
	{Path: "cmd/silo", Silo: []string{"host", "hvcall", "images", "internal"},
		Why: "the command is the host's"},
	{Path: "examples", Silo: []string{"runtime", "alloc", "sched"},
		Why: "an example shows what an application needs: the facade, and the types that its methods name"},
	{Path: "internal", Silo: []string{"host", "hvcall", "images"},
		Why: "what packages share stands below them and must not know guest code"},
	{Path: "internal/bench/heapload/load", Lean: true,
		Why: "what both flavours of the load program share must be known to neither silo nor the host"},
	{Path: "internal/bench/heapload/plain", Silo: []string{"internal/bench/heapload/load"}, Lean: true,
		Why: "the plain flavour stands for programs that never heard of silo"},
	{Path: "internal/bench/heapload/silo", Silo: []string{"internal/bench/heapload/load", "runtime"}, Lean: true,
		Why: "the load program runs in guests"},
	{Path: "internal/bench/priceload", Silo: []string{"runtime"},
		Why: "it is an application"},
	{Path: "internal/bench/cpuload", Silo: []string{"runtime"},
		Why: "it is an application"},
	{Path: "internal/bench/cpuagent", Silo: []string{"hvcall", "internal/threads"},
		Why: "it stands in PID 1's place"},
	{Path: "internal/bench/hostileload", Silo: []string{"hvcall"},
		Why: "it stands in PID 1's place, and would not be hostile with PID 1's code"},
	{Path: "internal/bench/governorload", Silo: []string{"alloc", "hvcall"},
		Why: "it is a program that is governed"},
	{Path: "internal/alarm", Lean: true,
		Why: "guests use it"},
	{Path: "internal/moments", Lean: true,
		Why: "guests use it"},
	{Path: "internal/recent", Lean: true,
		Why: "guests use it"},
	{Path: "internal/threads", Lean: true,
		Why: "guests use it"},
}
