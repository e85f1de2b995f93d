// Package manifest reads silo.yaml, which says how an application is run. docs/MANIFEST.md describes the file.
//
//	m, err := manifest.Read("shop/silo.yaml")
//	if err != nil {
//		return err // shop/silo.yaml:3: unknown key "memroy": did you mean memory?
//	}
//	for _, p := range m.Ports {
//		fmt.Println(p.Value, p.Line)
//	}
//
// The package knows the file's keys and the form of their values. What a flag of silo run says as well is left as a [Text]
// with its line, for the flag's own reader: a size or a port is read by one piece of code, wherever it stands.
//
// Reading is pure but for [Read] and [Secret.Resolve]. There are no states and no locks.
//
// The file is parsed by github.com/goccy/go-yaml: it is maintained, has no dependencies, and gives the tree with positions,
// which an error that names its line takes; gopkg.in/yaml.v3 is archived.
package manifest
