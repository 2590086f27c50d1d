package kernel

import "unsafe"

// is64 reports whether T has eight bytes. It is a constant in each
// instantiation, so the branch that asks costs nothing, and unlike a type
// switch it covers named types.
func is64[T Float]() bool { return unsafe.Sizeof(T(0)) == 8 }

// as reinterprets s, whose elements have the size of U's, without a copy.
func as[U, T Float](s []T) []U { return *(*[]U)(unsafe.Pointer(&s)) }

// first returns the address of the first element of s as a *U.
func first[U, T any](s []T) *U { return (*U)(unsafe.Pointer(unsafe.SliceData(s))) }

// short is the length below which a loop is faster than a call of assembly.
const short = 8
