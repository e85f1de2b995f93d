// Package runtime is what an application imports to be elastic on purpose:
//
//	import silo "github.com/silo-os/silo/runtime"
//
//	func main() {
//		silo.Main(func(ctx context.Context, guest *silo.Guest) error {
//			srv := &http.Server{Addr: ":8080", Handler: handler}
//			context.AfterFunc(ctx, func() { srv.Shutdown(context.Background()) })
//			guest.Ready()
//			return srv.ListenAndServe()
//		})
//	}
//
// An application that has a main function of its own imports package runtime/auto for its effect
// and changes nothing else. An application that imports neither is elastic as well: PID 1 governs
// it from outside, later and more coarsely.
//
// Such a program can be looked at while it runs: silo stack and silo pprof ask PID 1, and PID 1 asks the program. When the guest is
// to end, [Guest.Grace] is a context for what is left to do.
//
// # Outside a guest
//
// Under go run or go test, where PID 1 left no descriptor, Main runs the function all the same,
// [Guest.Hosted] reports true, and nothing is governed. To see how a program takes refusals, delays and shrinking, give it a
// scripted host, which is simulated in the same process and governs it by the same calls:
//
//	SILO_SCRIPT=pressure.txt go run ./cmd/server
//
// [hvcalltest.ParseScript] says what stands in such a file. In a test package silotest does the same. What
// a program cannot see without a virtual machine is the gate: one that holds more than it is granted is told on standard error
// and goes on, where in a guest its threads would wait.
//
// # States
//
//	unconnected  the process has started. start, or Attach, moves it on.
//	introduced   Hello was answered by PID 1, or a scripted host. The session moves it on with its first Demand.
//	governed     alloc and sched state demands, grants are applied.
//	ending       the context given to Main's function is cancelled, by SIGTERM or SIGINT.
//
// # Lock order
//
// session.mu guards the demand being composed and is never held while a governor is called.
package runtime
