/// Why the directory cannot do its work, worded for the operator.
package struct DirectoryFault: Error, CustomStringConvertible {
    package let description: String
}
