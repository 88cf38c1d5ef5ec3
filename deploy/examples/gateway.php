#!/usr/bin/env php
<?php
// A customer's backend: links for viewers, webhooks, and the embed host's check of who is there.
// PHP 8.1 or newer with its openssl extension, nothing else.
//
//     gateway.php embed EVENT USER_ID NAME              prints the address for an iframe
//     gateway.php register EVENT NAME EMAIL             prints the join URL
//     gateway.php webhook ID TIME SIGNATURES < BODY     prints type and id of a webhook's message
//     gateway.php assertion ASSERTION                   prints a viewer's id, role and event
declare(strict_types=1);

/** What README.md lists: GATEWAY_URL, CLIENT_ID, CLIENT_SECRET, WEBHOOK_SECRET, UPSTREAM. */
function setting(string $name): string
{
    return getenv($name) ?: throw new LogicException("$name is not set");
}

/** Why the API refused a call: everything that was wrong, one a line. */
final class GatewayError extends RuntimeException
{
    public readonly string $reason;
    public readonly array $problems;

    public function __construct(public readonly int $status, array $answer, public readonly int $retryAfter)
    {
        $this->reason = $answer['code'] ?? 'unknown';
        $this->problems = $answer['problems'] ?? [];
        $request = $answer['requestId'] ?? 'unknown';
        $faults = implode(array_map(fn ($one) => "\n  {$one['field']}: {$one['message']}", $this->problems))
            ?: $answer['errorMessage'] ?? 'not an answer of the API';
        parent::__construct("$status $this->reason: $faults (request $request)");
    }
}

/** @return array{int, string, array} status, fields and decoded body */
function ask(string $path, array $http): array
{
    $http += ['timeout' => 10, 'ignore_errors' => true, 'follow_location' => 0];
    $stream = @fopen(setting('GATEWAY_URL') . $path, 'r', false, stream_context_create(['http' => $http]))
        ?: throw new RuntimeException(error_get_last()['message']);
    $fields = implode("\n", stream_get_meta_data($stream)['wrapper_data']);
    return [(int) explode(' ', $fields)[1], $fields, (array) json_decode(stream_get_contents($stream), true)];
}

function post(string $path, array $body, array $headers = []): array
{
    [$status, $fields, $answer] = ask("/api/$path", ['method' => 'POST',
        'header' => ['Content-Type: application/json', ...$headers],
        'content' => json_encode($body, JSON_THROW_ON_ERROR)]);
    if (intdiv($status, 100) === 2) {
        return $answer ?: throw new RuntimeException('the answer is cut off');
    }
    $retryAfter = preg_match('/^Retry-After: *(\d+)/mi', $fields, $found) ? (int) $found[1] : 1;
    throw new GatewayError($status, $answer, $retryAfter);
}

/** An API token. PHP forgets it after each request: keep it, such as in APCu, until a minute before `expires_in`. */
function apiToken(): string
{
    static $token;
    return $token ??= post('oauth/token', ['grant_type' => 'client_credentials',
        'client_id' => setting('CLIENT_ID'), 'client_secret' => setting('CLIENT_SECRET')])['access_token'];
}

/** Makes a call, and repeats it when that can help: the key keeps it from having a second effect. */
function call(string $path, array $body): array
{
    $key = bin2hex(random_bytes(16));
    for ($attempt = 1;; $attempt++) {
        try {
            return post("v1/$path", $body, ['Authorization: Bearer ' . apiToken(), "Idempotency-Key: $key"]);
        } catch (RuntimeException $error) {
            $canHelp = !$error instanceof GatewayError || $error->status === 429 || $error->status >= 500
                || $error->reason === 'call_under_way';
            $wait = $error->retryAfter ?? 1;
            if (!$canHelp || $attempt === 3 || $wait > 5) {
                throw $error;
            }
            sleep($wait);
        }
    }
}

/** Get Embed: the address for the iframe of a user whom you know: userId, userName, userEmail, userAvatar. */
function embedURL(string $event, array $user): string
{
    return call('event/' . rawurlencode($event) . '/embed', $user)['url'];
}

/** Register: name, email, metadata. The answer has join_url, to be sent by e-mail, and registrationId. */
function register(string $event, array $person): array
{
    return call('event/' . rawurlencode($event) . '/registrant', $person);
}

/** The message of a webhook, from its webhook-… headers and the body as it arrived: that of php://input. */
function verifyWebhook(string $id, string $time, string $signatures, string $body, ?string $secret = null): array
{
    if (!ctype_digit($time) || abs(time() - (int) $time) > 300) {
        throw new RuntimeException('webhook refused: not sent just now');
    }
    $key = (string) base64_decode(preg_replace('/^whsec_/', '', $secret ?? setting('WEBHOOK_SECRET')), true);
    if (strlen($key) < 24) {
        throw new LogicException('WEBHOOK_SECRET must be whsec_ and Base64');
    }
    $wanted = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$time.$body", $key, true));
    foreach (explode(' ', $signatures) as $signature) { // two while the secret is rotated
        if (hash_equals($wanted, $signature)) {
            return json_decode($body, true, flags: JSON_THROW_ON_ERROR);
        }
    }
    throw new RuntimeException('webhook refused: no signature is right');
}

function decoded(string $part): string
{
    return base64_decode(strtr($part, '-_', '+/'));
}

/** A key of the gateway as PEM. Keep the set, such as in APCu, and ask for an unknown id once a minute at most. */
function gatewayKey(mixed $id): ?string
{
    foreach (ask('/.gateway/jwks.json', [])[2]['keys'] ?? [] as $key) {
        if ($key['kid'] === $id) {
            $p256 = hex2bin('3059301306072a8648ce3d020106082a8648ce3d03010703420004');
            $der = base64_encode($p256 . decoded($key['x']) . decoded($key['y']));
            return "-----BEGIN PUBLIC KEY-----\n" . chunk_split($der, 64, "\n") . "-----END PUBLIC KEY-----\n";
        }
    }
    return null;
}

/** Half of an ES256 signature as DER. */
function integer(string $half): string
{
    $number = ltrim($half, "\0");
    $number = ($number === '' || ord($number[0]) > 127 ? "\0" : '') . $number;
    return "\x02" . chr(strlen($number)) . $number;
}

/** The viewer of a request to the embed host, from X-Gateway-Assertion: sub, name, role, eventId, … */
function verifyAssertion(string $assertion, ?string $upstream = null): array
{
    $parts = explode('.', $assertion);
    [$head, $viewer] = array_map(fn ($part) => json_decode(decoded($part), true), [$parts[0], $parts[1] ?? '']);
    $isOurs = count($parts) === 3 && ($head['alg'] ?? '') === 'ES256' && ($head['typ'] ?? '') === 'assertion+jwt';
    $key = $isOurs ? gatewayKey($head['kid'] ?? null) : null;
    $signature = decoded($parts[2] ?? '');
    $both = integer(substr($signature, 0, 32)) . integer(substr($signature, 32));
    $der = "\x30" . chr(strlen($both)) . $both;
    if (!$key || strlen($signature) !== 64 || openssl_verify("$parts[0].$parts[1]", $der, $key, 'sha256') !== 1) {
        throw new RuntimeException('assertion refused: not signed by the gateway');
    }
    if ($viewer['iss'] !== setting('GATEWAY_URL') || $viewer['aud'] !== ($upstream ?? setting('UPSTREAM'))) {
        throw new RuntimeException("assertion refused: of {$viewer['iss']} for {$viewer['aud']}");
    }
    if ($viewer['exp'] <= time()) {
        throw new RuntimeException('assertion refused: expired');
    }
    return $viewer;
}

if (realpath($argv[0] ?? '') === __FILE__) {
    try {
        switch (($argv[1] ?? '') . ' ' . (count($argv) - 2)) {
            case 'embed 3':
                exit(embedURL($argv[2], ['userId' => $argv[3], 'userName' => $argv[4]]) . "\n");
            case 'register 3':
                exit(register($argv[2], ['name' => $argv[3], 'email' => $argv[4]])['join_url'] . "\n");
            case 'webhook 3':
                $message = verifyWebhook($argv[2], $argv[3], $argv[4], file_get_contents('php://stdin'));
                exit("{$message['type']} {$message['id']}\n");
            case 'assertion 1':
                $viewer = verifyAssertion($argv[2]);
                exit("{$viewer['sub']} {$viewer['role']} {$viewer['eventId']}\n");
        }
        throw new RuntimeException('usage: see the first lines of gateway.php');
    } catch (Exception $error) {
        fwrite(STDERR, $error->getMessage() . "\n");
        exit(1);
    }
}
