// Package catapult simulates gradient descent at large learning rates: the
// lazy, the catapult and the divergent phase of arXiv 2003.02218.
package catapult
