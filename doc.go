// Package gradflow is a placeholder.
package gradflow
