package compose

// Lookup returns the value of a variable, and whether it is set.
type Lookup func(name string) (value string, ok bool)

// Starts returns the services that have containers after a plain `up`, sorted.
func (p *Project) Starts(set Lookup) []string {
	return p.names(func(s service) bool { return s.isActive() && s["provider"] == nil && !s.isScaledToZero(set) })
}

// isActive reports whether the service needs no profile: a deploy names none.
func (s service) isActive() bool {
	profiles, _ := s["profiles"].([]any)
	return len(profiles) == 0
}

// isScaledToZero reports whether the service shall have no container.
func (s service) isScaledToZero(set Lookup) bool {
	text := s.text("scale")
	if deploy, ok := s["deploy"].(map[string]any); ok && text == "" {
		text = service(deploy).text("replicas")
	}
	number, ok := Expand(text, set)
	return ok && number == "0"
}

// Image returns the image of a service with its variables replaced. It is false
// where the service has none, or a variable without a value, or a tag of which set
// does not know more than its default: a file of values may have another.
func (p *Project) Image(name string, set Lookup) (ref string, ok bool) {
	image := p.services[name].text("image")
	if tag := tagVariable(image); tag != "" {
		if _, ok := set(tag); !ok {
			return "", false
		}
	}
	ref, ok = Expand(image, set)
	return ref, ok && ref != ""
}

// WrittenImage returns the image of a service as the manifest has it.
func (p *Project) WrittenImage(name string) string { return p.services[name].text("image") }

// templates returns a key with variables as they are written. NAME that Compose takes
// from the environment is ${NAME}.
func (s service) templates(key string) map[string]string {
	values := map[string]string{}
	for name, value := range s.mapping(key) {
		if values[name] = "${" + name + "}"; value != nil {
			values[name] = *value
		}
	}
	return values
}

// walk visits every text below value. Compose replaces no variables in keys.
func walk(value any, visit func(string)) {
	switch v := value.(type) {
	case string:
		visit(v)
	case map[string]any:
		for _, item := range v {
			walk(item, visit)
		}
	case []any:
		for _, item := range v {
			walk(item, visit)
		}
	}
}
