// Pins the commands of one tool as a Go module of its own: go.sum makes the build repeatable.
//go:build tools

package tools

import (
	_ "github.com/sigstore/cosign/v3/cmd/cosign"
)
