// Package built is for tests: the images of the programs that they boot, each built once by a test binary, however many tests
// boot it. To link the programs anew for each test takes longer than many a boot.
//
// There is nothing to it but [Image], which any goroutine may call; who asks for an image that is being built waits for it. An
// image lives in silo's cache, as every image does, and outlives the test.
//
//	image := built.Image(t, "./testdata/app")
package built

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/silo-os/silo/images"
)

// all are the images by what they are of: func() (*images.Image, error).
var all sync.Map

// Image is the image of a package, which is given as images.Config takes it and looked up in the test's folder, with files beside
// its programs. What does not build fails the test, and all others that want it.
func Image(t testing.TB, pkg string, files ...images.File) *images.Image {
	t.Helper()
	build, _ := all.LoadOrStore(fmt.Sprint(pkg, files), sync.OnceValues(func() (*images.Image, error) {
		return images.Build(context.Background(), images.Config{Package: pkg, Files: files}) // the test that asks first may end before the others
	}))
	image, err := build.(func() (*images.Image, error))()
	if err != nil {
		t.Fatal(err)
	}
	return image
}
