/// The version of the program.
package enum ProductVersion {
    package static let text = "0.1.0"
}
