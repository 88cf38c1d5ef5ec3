/// Why the directory cannot do its work; the words are the operator's.
package struct DirectoryFault: Error, CustomStringConvertible {
    package let description: String
}
