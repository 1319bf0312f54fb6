// What GitOps tools make of an object, with the code that they run themselves: for tests.
//
//	gitops kstatus            how Flux, Helm and kpt read it: kstatus of sigs.k8s.io/cli-utils
//	gitops argocd SCRIPT      how Argo CD reads it: gopher-lua with the libraries that Argo CD opens
//	gitops helmrelease        whether it is a HelmRelease of Flux, field by field
//
// Standard input is a JSON array of objects; standard output is a JSON array of one answer for each.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kubejson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// Argo CD gives a script as long.
const scriptTimeout = time.Second

type answer struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	// As Kubernetes' clients read objects: whole numbers are int64.
	var items []any
	if err := kubejson.Unmarshal(text, &items); err != nil {
		return fmt.Errorf("expected a JSON array of objects: %w", err)
	}
	ask, err := question(args)
	if err != nil {
		return err
	}
	answers := []answer{}
	for _, item := range items {
		object, isObject := item.(map[string]any)
		if !isObject {
			return fmt.Errorf("expected an object, got %T", item)
		}
		said, err := ask(object)
		if err != nil {
			return err
		}
		answers = append(answers, said)
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func question(args []string) (func(map[string]any) (answer, error), error) {
	switch {
	case len(args) == 1 && args[0] == "kstatus":
		return kstatus, nil
	case len(args) == 2 && args[0] == "argocd":
		script, err := os.ReadFile(args[1])
		return func(object map[string]any) (answer, error) { return argoHealth(string(script), object) }, err
	case len(args) == 1 && args[0] == "helmrelease":
		return helmRelease, nil
	}
	return nil, fmt.Errorf("expected kstatus, argocd SCRIPT or helmrelease, got %q", args)
}

func kstatus(object map[string]any) (answer, error) {
	result, err := status.Compute(&unstructured.Unstructured{Object: object})
	if err != nil {
		return answer{}, err
	}
	return answer{Status: result.Status.String(), Message: result.Message}, nil
}

func helmRelease(object map[string]any) (answer, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return answer{}, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var release helmv2.HelmRelease
	if err := decoder.Decode(&release); err != nil {
		return answer{Status: "Invalid", Message: err.Error()}, nil
	}
	if release.APIVersion != helmv2.GroupVersion.String() || release.Kind != helmv2.HelmReleaseKind {
		return answer{Status: "Invalid", Message: release.APIVersion + " " + release.Kind}, nil
	}
	return answer{Status: "Valid"}, nil
}

// As Argo CD does: no library but package, base and table, the object as the global obj, and a table as the result.
func argoHealth(script string, object map[string]any) (answer, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		call := lua.P{Fn: state.NewFunction(library.open), NRet: 0, Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			return answer{}, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), scriptTimeout)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", valueOf(state, object))
	if err := state.DoString(script); err != nil {
		return answer{}, err
	}
	result, isTable := state.Get(-1).(*lua.LTable)
	if !isTable {
		return answer{}, fmt.Errorf("expected the script to return a table, got %s", state.Get(-1).Type())
	}
	said := func(name string) string {
		if value, isString := result.RawGetString(name).(lua.LString); isString {
			return string(value)
		}
		return ""
	}
	return answer{Status: said("status"), Message: said("message")}, nil
}

func valueOf(state *lua.LState, value any) lua.LValue {
	switch typed := value.(type) {
	case bool:
		return lua.LBool(typed)
	case float64:
		return lua.LNumber(typed)
	case int64:
		return lua.LNumber(typed)
	case string:
		return lua.LString(typed)
	case []any:
		table := state.CreateTable(len(typed), 0)
		for _, item := range typed {
			table.Append(valueOf(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(typed))
		for key, item := range typed {
			table.RawSetH(lua.LString(key), valueOf(state, item))
		}
		return table
	}
	return lua.LNil
}
