import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Prints the address for a viewer's iframe.
 *
 * <pre>java SignToken.java SECRET_FILE PUBLIC_URL EVENT USER_ID NAME EMAIL</pre>
 */
public final class SignToken {
    public static String embedURL(
            byte[] secret, String publicURL, String event, String user, String name, String email) throws Exception {
        String header = "{\"alg\":\"HS256\",\"kid\":\"acme-2026\",\"typ\":\"JWT\"}";
        // eventSpecific false: every event that the company made with the API.
        String claims = "{\"companyId\":\"acme\",\"event\":" + quoted(event) + ",\"eventSpecific\":true"
                + ",\"uid\":" + quoted(user) + ",\"name\":" + quoted(name) + ",\"mail\":" + quoted(email)
                + ",\"exp\":" + (Instant.now().getEpochSecond() + 4 * 3600) + "}";
        String signed = part(header.getBytes(StandardCharsets.UTF_8)) + "."
                + part(claims.getBytes(StandardCharsets.UTF_8));
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(secret, "HmacSHA256"));
        String signature = part(mac.doFinal(signed.getBytes(StandardCharsets.US_ASCII)));
        return publicURL + "/event/" + event + "?token=" + signed + "." + signature;
    }

    private static String part(byte[] data) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(data);
    }

    private static String quoted(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (char character : text.toCharArray()) {
            if (character == '"' || character == '\\') json.append('\\').append(character);
            else if (character < 0x20) json.append(String.format("\\u%04x", (int) character));
            else json.append(character);
        }
        return json.append('"').toString();
    }

    public static void main(String[] arguments) throws Exception {
        byte[] secret = Files.readString(Path.of(arguments[0])).strip().getBytes(StandardCharsets.UTF_8);
        System.out.println(embedURL(
                secret, arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]));
    }
}
