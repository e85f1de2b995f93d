package alloc

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"unsafe"
)

// Make returns a slice of n zero values in the arena. T must hold no pointers, because the collector
// does not look into arenas; a type that does is refused.
func Make[T any](ctx context.Context, a *Arena, n int) ([]T, error) {
	t := reflect.TypeFor[T]()
	if hasPointers(t) {
		return nil, fmt.Errorf("make []%s in an arena: the type holds pointers, which the collector would not see", t)
	}
	if size := int(t.Size()); n < 0 || (size > 0 && n > math.MaxInt/size) {
		return nil, fmt.Errorf("make []%s in an arena: %d elements are out of range", t, n)
	}
	b, err := a.Alloc(ctx, n*int(t.Size()))
	if err != nil || len(b) == 0 {
		return make([]T, 0), err
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n), nil
}

// FreeSlice takes back a slice that Make returned.
func FreeSlice[T any](a *Arena, s []T) {
	size := int(unsafe.Sizeof(*new(T)))
	if cap(s) == 0 || size == 0 {
		return
	}
	a.Free(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), cap(s)*size))
}

func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return t.Len() > 0 && hasPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8,
		reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr, reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return false
	}
	return true
}
