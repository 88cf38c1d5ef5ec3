import Basics
import Testing

@testable import GatewayConfiguration

@Suite("[company.page]: what pages show of a company")
struct CompanyPageTests {
    private static let png: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1]
    private static let files: [String: [UInt8]] = [
        "/logo.png": png, "/logo.svg": Array("\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>".utf8),
        "/logo.txt": Array("logo".utf8), "/large.png": png + [UInt8](repeating: 0, count: 4096),
    ]

    private func sample(_ page: String) -> String { Sample(.company, "id = \"acme\"\n[company.page]\n" + page).text }

    @Test("Without it, there is nothing to show but the name")
    func absent() throws { #expect(try load(Sample().text).companies[0].page == CompanyPage()) }

    @Test("A logo is a URL or becomes part of the page; it is printed as it was written")
    func logos() throws {
        func logo(_ text: String) throws -> PageImage? {
            let settings = try load(sample("logo = \"\(text)\""), files: Self.files)
            #expect(settings.printed().contains("logo = \"\(text)\""))
            return settings.companies[0].page.logo
        }
        let fetched = try logo("https://CDN.acme.example:443/logo.svg?v=1")
        #expect(fetched?.address == "https://CDN.acme.example:443/logo.svg?v=1")
        #expect(fetched?.source == "https://cdn.acme.example")
        let png = try logo("/logo.png")
        #expect(png?.address == "data:image/png;base64,iVBORw0KGgoB" && png?.source == "data:")
        #expect(try logo("/logo.svg")?.address.hasPrefix("data:image/svg+xml;base64,") == true)
    }

    @Test(
        "What cannot be shown gets an exact message",
        arguments: [
            (
                "logo = \"http://a.example/x.png\"",
                "\"http://a.example/x.png\": the scheme must be https, or else browsers do not show it"
            ),
            ("logo = \"/none\"", "no such file: /none"),
            ("logo = \"/logo.txt\"", "/logo.txt is not a PNG, JPEG, WebP, GIF or SVG image"),
            ("logo = \"/large.png\"", "/large.png has 4105 bytes; a page has room for 4096"),
            ("logo = 1", "expected an https URL or a path, found the integer 1"),
            ("accent = \"blue\"", "\"blue\" is not a colour such as \"#1d4ed8\""),
            ("accent = \"#12345\"", "\"#12345\" is not a colour such as \"#1d4ed8\""),
            ("accent = \"#ggg\"", "\"#ggg\" is not a colour such as \"#1d4ed8\""),
            ("accent = \"#fff;}*{\"", "\"#fff;}*{\" is not a colour such as \"#1d4ed8\""),
            ("accent = \"\"", "\"\" is not a colour such as \"#1d4ed8\""),
            ("contact = \"a@b@c\"", "\"a@b@c\" is not an e-mail address such as \"help@acme.example\""),
            ("contact = \"a@b?cc=d\"", "\"a@b?cc=d\" is not an e-mail address such as \"help@acme.example\""),
            ("contact = \"tel:0x1\"", "\"tel:0x1\" is not a telephone number such as \"tel:+49301234567\""),
            (
                "contact = \"javascript:alert(1)\"",
                "\"javascript:alert(1)\" is not an e-mail address, a telephone number such as \"tel:+49301234567\", or an "
                    + "https URL"
            ),
            ("home = \"http://a.example/\"", "\"http://a.example/\": the scheme must be https"),
            ("home = \"/events\"", "\"/events\" is not a URL: it must begin with https://"),
            ("name = \"\"", "must not be empty"),
        ]
    )
    func faults(_ line: String, _ message: String) throws {
        let key = line.prefix { $0 != " " }
        #expect(problems(sample(line), files: Self.files) == ["company[0].page.\(key): \(message)"])
    }

    @Test("An e-mail address, a telephone number and a page are contacts")
    func contacts() throws {
        for (text, address) in [
            ("help@acme.example", "mailto:help@acme.example"), ("tel:+49-30-123", "tel:+49-30-123"),
            ("https://acme.example/help", "https://acme.example/help"),
        ] {
            #expect(try PageContact(parsing: text).address == address)
        }
    }

    @Test("Contrast is that of WCAG, and the text on a colour can always be read")
    func contrast() throws {
        #expect(abs(PageColor.black.contrast(to: .white) - 21) < 0.001)
        let gray = try PageColor(parsing: "#777")
        #expect(gray.text == "#777777" && abs(gray.contrast(to: .white) - 4.478) < 0.001)
        #expect(abs(try PageColor(parsing: "#1d4ed8").contrast(to: .white) - 6.70) < 0.01)
        for part in 0...255 {
            for color in [
                PageColor(red: UInt8(part), green: 0, blue: 0),
                PageColor(red: UInt8(part), green: UInt8(part), blue: 0),
                PageColor(red: UInt8(part), green: UInt8(part), blue: UInt8(part)),
            ] {
                #expect(color.contrast(to: color.textColor) >= 4.5)
            }
        }
    }

    @Test("gateway check remarks on a colour that hardly stands out")
    func remark() throws {
        func remarks(_ color: String) throws -> [String] {
            try load(sample("accent = \"\(color)\"")).remarks.filter { $0.contains("accent") }
        }
        #expect(
            try remarks("#fe0") == [
                "company[0].page.accent: \"#ffee00\" hardly stands out from the white page: the contrast is 1.2, and should be 3 or more"
            ]
        )
        #expect(try remarks("#1d4ed8").isEmpty)
    }
}
