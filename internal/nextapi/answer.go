package nextapi

import "strings"

// readBatch reads {"results":[…]} and writes one result per message. On an error, which is ErrAnswer, results hold
// nothing of use: an answer that is wrong in one place proves nothing in the others.
func readBatch(body []byte, messages []Message, results []Result) error {
	r := newReader(body)
	defer r.free()
	n, found := 0, false
	ok := r.document(func(name []byte) bool {
		if string(name) != "results" {
			return r.skip()
		}
		found = true
		return r.array(func() bool {
			if n == len(messages) {
				return false
			}
			n++
			return r.item(messages[n-1].ID, &results[n-1])
		})
	})
	if !ok || !found || n != len(messages) {
		return ErrAnswer
	}
	return nil
}

// item reads {"status":201,"message":{…},"error":"…"}. It fails only where JSON or types are wrong.
func (r *reader) item(want string, out *Result) bool {
	*out = Result{}
	var id, reason string
	var failed bool
	ok := r.object(func(name []byte) (ok bool) {
		switch string(name) {
		case "status":
			out.Status, ok = r.number()
		case "message":
			if r.dec.PeekKind() != '{' {
				return r.skip()
			}
			out.Data, id, ok = r.message()
		case "error":
			reason, failed, ok = r.optionalText()
		default:
			ok = r.skip()
		}
		return ok
	})
	switch {
	case !ok:
	case isSuccess(out.Status) && id == want && id != "":
		out.Class, out.ID = Stored, id
	case isSuccess(out.Status):
		*out = Result{Class: Ambiguous, Status: out.Status, Err: ErrAnswer}
	default:
		*out = Result{Class: classify(out.Status, failed), Status: out.Status}
		if out.Class == Rejected {
			out.Reason = reason
		}
	}
	return ok
}

// readSingle reads {"success":true,"message":{…}}.
func readSingle(body []byte) (data []byte, id string, err error) {
	r := newReader(body)
	defer r.free()
	refused := false
	ok := r.document(func(name []byte) (ok bool) {
		switch string(name) {
		case "success":
			refused = r.dec.PeekKind() == 'f'
			return r.skip()
		case "message":
			data, id, ok = r.message()
			return ok
		}
		return r.skip()
	})
	if !ok || refused || id == "" {
		return nil, "", ErrAnswer
	}
	return data, id, nil
}

// readUser reads {"id","name","email","image"}; what is null or missing is "".
func readUser(body []byte) (u User, err error) {
	r := newReader(body)
	defer r.free()
	ok := r.document(func(name []byte) (ok bool) {
		switch string(name) {
		case "id":
			u.ID, _, ok = r.optionalText()
		case "name":
			u.Name, _, ok = r.optionalText()
		case "email":
			u.Email, _, ok = r.optionalText()
		case "image":
			u.Image, _, ok = r.optionalText()
		default:
			ok = r.skip()
		}
		return ok
	})
	if !ok || u.ID == "" {
		return User{}, ErrAnswer
	}
	return u, nil
}

// readError tells whether body is this API's error, {"error":"…"}, and the text's beginning.
func readError(body []byte) (reason string, ours bool) {
	r := newReader(body)
	defer r.free()
	ok := r.document(func(name []byte) (ok bool) {
		if string(name) != "error" {
			return r.skip()
		}
		reason, ours, ok = r.optionalText()
		return ok
	})
	if !ok || !ours {
		return "", false
	}
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	return reason, true
}
