package kernel

// UsesAssembly reports whether the kernels are assembly.
func UsesAssembly() bool { return assembly }
