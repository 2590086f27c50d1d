package kernel

// RootStepTwin is RootStep without assembly.
func RootStepTwin[T Float](y, s, c, p, target []T, k *RootCoefs[T]) (ee, cy float64, ok bool) {
	return rootStepTwin(y, s, c, p, target, k)
}
