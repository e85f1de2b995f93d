// Package corefile writes the core of a guest's application into a folder.
//
//	f, err := corefile.Create(corefile.Path("/var/crash", "shop"), corefile.OtherFolder)
//	if err != nil {
//		return err
//	}
//	defer f.Abort("never finished") // of no effect after Finish
//	f.WriteAt(header, 0)
//	f.WriteAt(page, 1<<20) // what lies between is a hole
//	return f.Finish(2 << 20)
//
// # States of a file
//
//	draft     without a name, or where the file system has no such files under a hidden one: it is nobody's to read.
//	          Finish moves it to finished, Abort to gone; so does the end of the process where it has no name.
//	finished  under its path, of mode 0600, in place of the one that was there. A guest has one: whoever ends again and
//	          again fills no disk.
//	gone      nothing is left.
//
// There are no locks: one goroutine writes a file.
package corefile
