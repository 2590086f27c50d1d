//go:build amd64 && !noasm && !purego

package kernel

import "github.com/gradflow/gradflow/internal/asm"

// assembly is whether the kernels are AVX2+FMA assembly or their twins.
var assembly = asm.Enabled()
