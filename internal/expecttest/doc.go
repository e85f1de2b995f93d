// Package expecttest boots one program that looks whether a guest has what the author of a Go program takes for granted, and
// judges what it found.
package expecttest
