// Package load is the program that runs in the guests of the heap benchmark: one scenario of allocating
// and dropping, told in lines of JSON. Its two flavours are main packages beside it: silo, which asks
// before it makes one large allocation, and plain, which knows nothing of silo.
//
// The package imports nothing but the standard library: what the flavours share must not decide
// which of them is measured.
//
//	heapload -load ramp -rate 50 -top 1024 -silent 6s
package load
