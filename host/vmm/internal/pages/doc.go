// Package pages reads the memory of a guest that stands still, and carries it to another host.
//
// Memory is files of 4 KiB pages. Pages that were never touched are holes, and those are not looked at; pages of zeros are looked
// at and left out. What becomes smaller by it is compressed: the guest waits meanwhile. What receives them must be empty: nothing
// there but zeros.
//
// # The stream
//
// Numbers are little endian. The sender begins with the sizes of the files, sends runs of pages in any order, and what it has sent;
// the receiver answers once, when all is where it belongs.
//
//	magic    8 bytes   "SILOMEM2"
//	files    1 byte    how many
//	sizes    8 bytes   for each, bytes
//	runs     1 byte    which file, 0 = the first
//	         8 bytes   where in it
//	         4 bytes   how many bytes, a multiple of 4 KiB, 1 MiB at most
//	         4 bytes   how many bytes follow: as many if they are stored as they are, fewer if as a block of S2
//	         …         the bytes
//	end      1 byte    255
//	         8 bytes   the sum of all runs' bytes, unpacked
//	answer   1 byte    0 = all is there
//
// Neither side says why it gives up: it closes the connection, and its own log has the cause. Nothing proves who the other side is, nor
// that nobody changes anything on the way: the connection must (TLS).
//
// A stream has one goroutine at each end, and no state but its place in the order above. Nothing is locked.
//
//	n, err := pages.Send(conn, []*os.File{boot, elastic})
//	n, err := pages.Receive(conn, []pages.Into{{boot, bootSize}, {elastic, elasticSize}})
//	err = pages.Answer(conn) // from here on the other side goes on as if all were here
package pages
