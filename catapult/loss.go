package catapult

import (
	"fmt"

	"github.com/gradflow/gradflow/internal/nn"
)

// Loss is the training loss of a network ([Net]), a function of its outputs f
// (m samples x K) and the targets.
type Loss int

const (
	// MSE is L = 1/(2m) Σ_αk (f_αk - Y_αk)².
	MSE = Loss(nn.MSE)
	// CrossEntropy is the mean over the samples of -log softmax(f_α) at the
	// sample's label.
	CrossEntropy = Loss(nn.CrossEntropy)
	// Logistic is the mean over the samples of log(1 + exp(-y_α f_α)), y_α = ±1,
	// for a single output.
	Logistic = Loss(nn.Logistic)
)

// String returns the loss's name.
func (l Loss) String() string {
	if !nn.Loss(l).Valid() {
		return fmt.Sprintf("Loss(%d)", int(l))
	}
	return nn.Loss(l).String()
}
