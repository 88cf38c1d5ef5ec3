"""Keys and tokens as a customer's backend makes them, signed with the system's OpenSSL.

Thousands of RS256 and ES256 tokens are needed, too many to start a program for each.
"""

import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import json
import secrets
import subprocess
import time

ALGORITHMS = ("HS256", "RS256", "ES256")


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header, claims, sign):
    """A JSON Web Token, signed by a function of bytes."""
    signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    return signed + "." + encoded(sign(signed.encode()))


class Keys:
    """A key for each algorithm, in files of a folder: `hs256.secret`, `rs256.pem`, `rs256.public.pem`, and so on."""

    def __init__(self, folder):
        self.folder = folder
        self.secret = secrets.token_urlsafe(32)
        (folder / "hs256.secret").write_text(self.secret + "\n")
        options = {"rs256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                   "es256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]}
        for name, words in options.items():
            private, public = folder / f"{name}.pem", folder / f"{name}.public.pem"
            subprocess.run(["openssl", "genpkey", *words, "-out", private], check=True, capture_output=True)
            subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
        self.signers = {}

    def token(self, registration, algorithm="HS256"):
        """A registration token, valid for two hours."""
        now = int(time.time())
        claims = {"iat": now, "exp": now + 7200, "companyId": "acme", "eventId": "e1", "sub": registration,
                  "registrationId": registration, "name": "Ada Lovelace", "email": f"{registration}@example.com"}
        header = {"alg": algorithm, "kid": algorithm.lower()}
        return compact(header, claims, lambda data: self.signature(data, algorithm))

    def tokens(self, prefix, count, algorithm="HS256"):
        return [self.token(f"{prefix}-{number}", algorithm) for number in range(count)]

    def signature(self, data, algorithm):
        if algorithm == "HS256":
            return hmac.new(self.secret.encode(), data, hashlib.sha256).digest()
        if algorithm not in self.signers:
            self.signers[algorithm] = Signer((self.folder / f"{algorithm.lower()}.pem").read_bytes())
        signature = self.signers[algorithm].sign(data)
        return raw_signature(signature) if algorithm == "ES256" else signature

    def jwks(self):
        """All keys as a JSON Web Key Set, including the secret."""
        modulus = subprocess.run(["openssl", "rsa", "-pubin", "-in", self.folder / "rs256.public.pem", "-noout", "-modulus"],
                                 check=True, capture_output=True, text=True).stdout.strip().partition("=")[2]
        point = subprocess.run(["openssl", "pkey", "-pubin", "-in", self.folder / "es256.public.pem", "-outform", "DER"],
                               check=True, capture_output=True).stdout[-64:]
        return json.dumps({"keys": [
            {"kty": "oct", "kid": "hs256", "alg": "HS256", "k": encoded(self.secret.encode())},
            {"kty": "RSA", "kid": "rs256", "alg": "RS256", "e": "AQAB", "n": encoded(bytes.fromhex(modulus))},
            {"kty": "EC", "kid": "es256", "alg": "ES256", "crv": "P-256",
             "x": encoded(point[:32]), "y": encoded(point[32:])}]})


class Signer:
    """SHA-256 signatures by a private key, through libcrypto."""

    def __init__(self, pem):
        self.library = ctypes.CDLL(ctypes.util.find_library("crypto"))
        for name in ("BIO_new_mem_buf", "PEM_read_bio_PrivateKey", "EVP_MD_CTX_new", "EVP_sha256"):
            getattr(self.library, name).restype = ctypes.c_void_p
        source = ctypes.c_void_p(self.library.BIO_new_mem_buf(pem, len(pem)))
        self.key = ctypes.c_void_p(self.library.PEM_read_bio_PrivateKey(source, None, None, None))
        self.library.BIO_free(source)
        self.hash = ctypes.c_void_p(self.library.EVP_sha256())

    def sign(self, data):
        context = ctypes.c_void_p(self.library.EVP_MD_CTX_new())
        signature = ctypes.create_string_buffer(512)
        length = ctypes.c_size_t(len(signature))
        good = (self.library.EVP_DigestSignInit(context, None, self.hash, None, self.key) == 1
                and self.library.EVP_DigestSign(
                    context, signature, ctypes.byref(length), data, ctypes.c_size_t(len(data))) == 1)
        self.library.EVP_MD_CTX_free(context)
        if not good:
            raise SystemExit("libcrypto did not sign a token")
        return signature.raw[:length.value]


def raw_signature(sequence):
    """Converts OpenSSL's DER sequence to the fixed-length R and S of JSON Web Signature."""
    numbers, rest = [], sequence[2:]
    while rest:
        length = rest[1]
        numbers.append(int.from_bytes(rest[2:2 + length]))
        rest = rest[2 + length:]
    return b"".join(number.to_bytes(32) for number in numbers)
