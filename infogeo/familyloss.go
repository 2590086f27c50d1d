package infogeo

import "fmt"

// Loss is a Kullback-Leibler divergence between a fixed target q and the moving
// member p of a family. Both are zero only at p = q, where their Hessian is the
// Fisher matrix in whatever coordinates.
type Loss int

const (
	// Forward is KL(q‖p), the loss of maximum likelihood. Its minimiser in an
	// exponential family has the moments of q (m-projection).
	Forward Loss = iota
	// Reverse is KL(p‖q), the loss of variational inference.
	Reverse
)

// String returns the name of the loss.
func (l Loss) String() string {
	switch l {
	case Forward:
		return "KL(q||p)"
	case Reverse:
		return "KL(p||q)"
	}
	return fmt.Sprintf("Loss(%d)", int(l))
}

// Geometry says in which metric, and in which coordinates, a gradient is taken.
type Geometry int

const (
	// Natural is the gradient in the Fisher metric, the natural gradient of
	// Amari (Neural Computation 10 (1998) 251). It is the same in all
	// coordinates.
	Natural Geometry = iota
	// EuclideanTheta is the gradient with respect to the natural parameters θ.
	EuclideanTheta
	// EuclideanEta is the gradient with respect to the expectation parameters η.
	EuclideanEta
	// EuclideanLogits is the gradient with respect to the K logits z of
	// p = softmax(z), an overparametrisation of the categorical family.
	EuclideanLogits
)

// String returns the name of the geometry.
func (g Geometry) String() string {
	switch g {
	case Natural:
		return "natural"
	case EuclideanTheta:
		return "Euclidean in theta"
	case EuclideanEta:
		return "Euclidean in eta"
	case EuclideanLogits:
		return "Euclidean in logits"
	}
	return fmt.Sprintf("Geometry(%d)", int(g))
}
