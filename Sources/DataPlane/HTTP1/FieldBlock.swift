/// The fields of one head as ranges into its bytes: no copy, no string.
///
/// The block is reused from head to head, so that reading one allocates nothing.
package struct FieldBlock: Sendable {
    /// One field line; all offsets count from the first byte of the head.
    package struct Field: Sendable {
        package var nameStart: UInt32
        package var valueStart: UInt32
        package var valueEnd: UInt32
        /// Past the line's CR LF.
        package var lineEnd: UInt32
        package var nameLength: UInt16
        package var name: FieldName
        /// Not to be forwarded: hop-by-hop, listed in `Connection`, forged or consumed here.
        package var isRemoved: Bool

        package var nameRange: Range<Int> { Int(nameStart)..<Int(nameStart) + Int(nameLength) }
        package var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
        package var line: Range<Int> { Int(nameStart)..<Int(lineEnd) }
    }

    package var fields: ContiguousArray<Field> = []
    /// One bit for each known name that occurs.
    private var present: UInt64 = 0

    package init() { fields.reserveCapacity(64) }

    package mutating func removeAll() {
        fields.removeAll(keepingCapacity: true)
        present = 0
    }

    mutating func append(_ field: Field) {
        present |= 1 << UInt64(field.name.rawValue)
        fields.append(field)
    }

    @inline(__always)
    package func contains(_ name: FieldName) -> Bool { present >> UInt64(name.rawValue) & 1 == 1 }

    /// The value of the first field of this name.
    package func first(_ name: FieldName) -> Range<Int>? {
        guard contains(name) else { return nil }
        for field in fields where field.name == name { return field.value }
        return nil
    }

    /// How many fields have this name.
    package func count(of name: FieldName) -> Int {
        guard contains(name) else { return 0 }
        return fields.reduce(0) { $0 + ($1.name == name ? 1 : 0) }
    }

    /// Marks every field of this name as not to be forwarded.
    mutating func remove(_ name: FieldName) {
        guard contains(name) else { return }
        for index in fields.indices where fields[index].name == name { fields[index].isRemoved = true }
    }
}
