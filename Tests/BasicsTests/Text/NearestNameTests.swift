import Testing

@testable import Basics

/// The closest name for a misspelt one.
@Suite struct NearestNameTests {
    @Test(
        "The number of edits between two words",
        arguments: [
            ("", "", 0), ("a", "", 1), ("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "axc", 1),
            ("abc", "ab", 1), ("kitten", "sitting", 3), ("ca", "abc", 3), ("adress", "address", 1),
        ]
    )
    func distance(_ first: String, _ second: String, _ expected: Int) {
        #expect(NearestName.editDistance(Array(first.utf8), Array(second.utf8)) == expected)
        #expect(NearestName.editDistance(Array(second.utf8), Array(first.utf8)) == expected)
    }

    @Test("A word unlike all others has no suggestion")
    func none() {
        #expect(NearestName.find("x", among: ["id", "name"]) == nil)
        #expect(NearestName.find("", among: ["id", "name"]) == nil)
        #expect(NearestName.find("headerSize", among: ["header_size", "header_count"]) == "header_size")
        #expect(NearestName.find("kid", among: ["id", "name"]) == "id")
    }
}
