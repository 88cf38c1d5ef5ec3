// A customer's backend: links for viewers, webhooks, and the embed host's check of who is there.
// Go 1.19 or newer, the standard library only.
//
//	go run gateway.go embed EVENT USER_ID NAME              prints the address for an iframe
//	go run gateway.go register EVENT NAME EMAIL             prints the join URL
//	go run gateway.go webhook ID TIME SIGNATURES < BODY     prints type and id of a webhook's message
//	go run gateway.go assertion ASSERTION                   prints a viewer's id, role and event
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Gateway is a client of the control API, and checks what comes from the gateway.
type Gateway struct {
	URL, ClientID, ClientSecret string

	token struct {
		sync.Mutex
		text string
		ends time.Time
	}
	keys struct {
		sync.Mutex
		all     map[string]*ecdsa.PublicKey
		fetched time.Time
	}
}

// Follows no redirect: the API answers with none.
var client = &http.Client{
	Timeout:       10 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// GatewayError says why the API refused a call: everything that was wrong, one a line.
type GatewayError struct {
	Status     int    `json:"-"`
	RetryAfter int    `json:"-"`
	Code       string `json:"code"`
	Message    string `json:"errorMessage"`
	RequestID  string `json:"requestId"`
	Problems   []struct{ Field, Message string }
}

func (e *GatewayError) Error() string {
	faults := ""
	for _, problem := range e.Problems {
		faults += "\n  " + problem.Field + ": " + problem.Message
	}
	if faults == "" {
		faults = e.Message
	}
	return fmt.Sprintf("%d %s: %s (request %s)", e.Status, e.Code, faults, e.RequestID)
}

func (g *Gateway) post(path string, body, answer any, headers map[string]string) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest("POST", g.URL+"/api/"+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 == 2 {
		return json.NewDecoder(response.Body).Decode(answer)
	}
	fault := &GatewayError{Status: response.StatusCode, RetryAfter: 1, Code: "unknown",
		Message: "not an answer of the API", RequestID: "unknown"}
	_ = json.NewDecoder(response.Body).Decode(fault) // fails for an answer that is not the API's
	if wait, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		fault.RetryAfter = wait
	}
	return fault
}

func (g *Gateway) apiToken() (string, error) {
	g.token.Lock()
	defer g.token.Unlock()
	if time.Now().Before(g.token.ends) {
		return g.token.text, nil
	}
	var answer struct {
		Text    string `json:"access_token"`
		Seconds int    `json:"expires_in"`
	}
	err := g.post("oauth/token", map[string]string{"grant_type": "client_credentials",
		"client_id": g.ClientID, "client_secret": g.ClientSecret}, &answer, nil)
	if err == nil {
		g.token.text, g.token.ends = answer.Text, time.Now().Add(time.Duration(answer.Seconds-60)*time.Second)
	}
	return g.token.text, err
}

// call makes a call, and repeats it when that can help: the key keeps it from having a second effect.
func (g *Gateway) call(path string, body, answer any) error {
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		text, err := g.apiToken()
		if err == nil {
			err = g.post("v1/"+path, body, answer, map[string]string{
				"Authorization": "Bearer " + text, "Idempotency-Key": fmt.Sprintf("%x", random)})
		}
		wait, canHelp := 1, true
		var fault *GatewayError
		if errors.As(err, &fault) {
			if fault.Code == "unauthorized" { // its secret was withdrawn
				g.token.Lock()
				g.token.ends = time.Time{}
				g.token.Unlock()
			}
			wait = fault.RetryAfter
			canHelp = fault.Status == 429 || fault.Status >= 500 || fault.Code == "unauthorized" ||
				fault.Code == "call_under_way"
		}
		if err == nil || !canHelp || attempt == 3 || wait > 5 {
			return err
		}
		time.Sleep(time.Duration(wait) * time.Second)
	}
}

// EmbedURL is Get Embed: the address for the iframe of a user whom you know: userId, userName, userEmail, userAvatar.
func (g *Gateway) EmbedURL(event string, user map[string]any) (string, error) {
	var answer struct{ URL string }
	err := g.call("event/"+url.PathEscape(event)+"/embed", user, &answer)
	return answer.URL, err
}

// Registration is the answer of Register. Send its JoinURL by e-mail.
type Registration struct {
	ID      string `json:"registrationId"`
	JoinURL string `json:"join_url"`
}

// Register registers a person: name, email, metadata.
func (g *Gateway) Register(event string, person map[string]any) (registration Registration, err error) {
	err = g.call("event/"+url.PathEscape(event)+"/registrant", person, &registration)
	return
}

// VerifyWebhook checks a webhook, given its webhook-… headers and the body as it arrived, not parsed.
func VerifyWebhook(id, sent, signatures string, body []byte, secret string) error {
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if age := time.Since(time.Unix(seconds, 0)); err != nil || age > 5*time.Minute || age < -5*time.Minute {
		return errors.New("webhook refused: not sent just now")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < 24 {
		return errors.New("WEBHOOK_SECRET must be whsec_ and Base64")
	}
	code := hmac.New(sha256.New, key)
	fmt.Fprintf(code, "%s.%s.%s", id, sent, body)
	wanted := "v1," + base64.StdEncoding.EncodeToString(code.Sum(nil))
	for _, signature := range strings.Split(signatures, " ") { // two while the secret is rotated
		if hmac.Equal([]byte(signature), []byte(wanted)) {
			return nil
		}
	}
	return errors.New("webhook refused: no signature is right")
}

// key is a key of the gateway, or nil. An unknown id can be a new key, or forged: it asks once a minute at most.
func (g *Gateway) key(id string) (*ecdsa.PublicKey, error) {
	g.keys.Lock()
	defer g.keys.Unlock()
	if g.keys.all[id] != nil || time.Since(g.keys.fetched) < time.Minute {
		return g.keys.all[id], nil
	}
	response, err := client.Get(g.URL + "/.gateway/jwks.json")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var set struct{ Keys []struct{ Kid, X, Y string } }
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		return nil, err
	}
	g.keys.fetched, g.keys.all = time.Now(), map[string]*ecdsa.PublicKey{}
	for _, key := range set.Keys {
		g.keys.all[key.Kid] = &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(key.X), Y: number(key.Y)}
	}
	return g.keys.all[id], nil
}

func number(part string) *big.Int { return new(big.Int).SetBytes(decoded(part)) }

func decoded(part string) []byte {
	data, _ := base64.RawURLEncoding.DecodeString(part) // what cannot be decoded fails at the next check
	return data
}

// Viewer is who the gateway says is there.
type Viewer struct {
	ID       string  `json:"sub"`
	Name     string  `json:"name"`
	Email    string  `json:"email"`
	Role     string  `json:"role"`
	Event    string  `json:"eventId"`
	Company  string  `json:"companyId"`
	Expires  float64 `json:"exp"`
	Iss, Aud string
}

// VerifyAssertion returns the viewer of a request to the embed host, from X-Gateway-Assertion.
func (g *Gateway) VerifyAssertion(assertion, upstream string) (*Viewer, error) {
	parts := strings.Split(assertion, ".")
	var head struct{ Alg, Typ, Kid string }
	if len(parts) != 3 || json.Unmarshal(decoded(parts[0]), &head) != nil || head.Alg != "ES256" ||
		head.Typ != "assertion+jwt" {
		return nil, errors.New("assertion refused: malformed")
	}
	key, err := g.key(head.Kid)
	if err != nil {
		return nil, err
	}
	signature, hash := decoded(parts[2]), sha256.Sum256([]byte(parts[0]+"."+parts[1]))
	if key == nil || len(signature) != 64 || !ecdsa.Verify(key, hash[:],
		new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return nil, errors.New("assertion refused: not signed by the gateway")
	}
	viewer := &Viewer{}
	if err := json.Unmarshal(decoded(parts[1]), viewer); err != nil {
		return nil, err
	}
	if viewer.Iss != g.URL || viewer.Aud != upstream {
		return nil, fmt.Errorf("assertion refused: of %s for %s", viewer.Iss, viewer.Aud)
	}
	if viewer.Expires <= float64(time.Now().Unix()) {
		return nil, errors.New("assertion refused: expired")
	}
	return viewer, nil
}

// setting is one of those that README.md lists.
func setting(name string) string {
	if os.Getenv(name) == "" {
		fmt.Fprintln(os.Stderr, name, "is not set")
		os.Exit(1)
	}
	return os.Getenv(name)
}

func run(command string, rest []string) (string, error) {
	g := &Gateway{URL: os.Getenv("GATEWAY_URL")}
	switch fmt.Sprint(command, len(rest)) {
	case "embed3":
		g.ClientID, g.ClientSecret = setting("CLIENT_ID"), setting("CLIENT_SECRET")
		return g.EmbedURL(rest[0], map[string]any{"userId": rest[1], "userName": rest[2]})
	case "register3":
		g.ClientID, g.ClientSecret = setting("CLIENT_ID"), setting("CLIENT_SECRET")
		registration, err := g.Register(rest[0], map[string]any{"name": rest[1], "email": rest[2]})
		return registration.JoinURL, err
	case "webhook3":
		body, err := io.ReadAll(os.Stdin)
		if err == nil {
			err = VerifyWebhook(rest[0], rest[1], rest[2], body, setting("WEBHOOK_SECRET"))
		}
		var message struct{ Type, ID string }
		if err == nil {
			err = json.Unmarshal(body, &message)
		}
		return message.Type + " " + message.ID, err
	case "assertion1":
		viewer, err := g.VerifyAssertion(rest[0], setting("UPSTREAM"))
		if err != nil {
			return "", err
		}
		return viewer.ID + " " + viewer.Role + " " + viewer.Event, nil
	}
	return "", errors.New("usage: see the first lines of gateway.go")
}

func main() {
	arguments := os.Args[1:]
	if len(arguments) == 0 {
		arguments = []string{"help"}
	}
	text, err := run(arguments[0], arguments[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(text)
}
