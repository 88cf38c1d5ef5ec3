/// The fields of one head as ranges into its bytes, without copies or strings.
///
/// The block is reused for each head, so that reading one allocates nothing, and passed by reference, so that nothing
/// is copied.
package final class FieldBlock {
    /// One field line. All offsets count from the first byte of the head.
    package struct Field: Sendable {
        package var nameStart: UInt32
        package var valueStart: UInt32
        package var valueEnd: UInt32
        /// Past the line's CR LF.
        package var lineEnd: UInt32
        package var nameLength: UInt16
        package var name: FieldName
        /// Whether not to forward the field: it is hop-by-hop, listed in `Connection`, forged, or consumed here.
        package var isRemoved: Bool

        package var nameRange: Range<Int> { Int(nameStart)..<Int(nameStart) + Int(nameLength) }
        package var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
        package var line: Range<Int> { Int(nameStart)..<Int(lineEnd) }

        /// The same field in a head with `count` more bytes before it.
        func moved(by count: Int) -> Field {
            var field = self
            field.nameStart += UInt32(count)
            field.valueStart += UInt32(count)
            field.valueEnd += UInt32(count)
            field.lineEnd += UInt32(count)
            return field
        }
    }

    package var fields: ContiguousArray<Field> = []
    /// One bit for each known name that occurs, and for each that occurs more than once.
    private var present: UInt64 = 0
    private var repeated: UInt64 = 0
    /// Where a known name first occurs. Valid only if its bit is set.
    private var firsts = InlineArray<64, UInt16>(repeating: 0)

    package init() { fields.reserveCapacity(64) }

    func copied() -> FieldBlock {
        let copy = FieldBlock()
        (copy.fields, copy.present, copy.repeated, copy.firsts) = (fields, present, repeated, firsts)
        return copy
    }

    package func removeAll() {
        fields.removeAll(keepingCapacity: true)
        present = 0
        repeated = 0
    }

    func append(_ field: Field) {
        if field.name != .other {
            let bit: UInt64 = 1 << UInt64(field.name.rawValue)
            if present & bit == 0 {
                firsts[Int(field.name.rawValue)] = UInt16(clamping: fields.count)
            } else {
                repeated |= bit
            }
            present |= bit
        }
        fields.append(field)
    }

    @inline(__always)
    package func contains(_ name: FieldName) -> Bool { present >> UInt64(name.rawValue) & 1 == 1 }

    /// The value of the first field with this name.
    @inline(__always)
    package func first(_ name: FieldName) -> Range<Int>? {
        guard contains(name) else { return nil }
        return fields[Int(firsts[Int(name.rawValue)])].value
    }

    /// Whether exactly one field has this name.
    @inline(__always)
    package func isSingle(_ name: FieldName) -> Bool {
        contains(name) && repeated >> UInt64(name.rawValue) & 1 == 0
    }
}
