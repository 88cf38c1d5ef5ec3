import JOSE

extension Form where Value == [ClaimField] {
    /// The most fields, since each session's cookie contains them.
    private static var maxCount: Int { 16 }

    /// A table of fields and the claims that they carry.
    static var claimFields: Form {
        Form { value, place, context in
            guard case .table(let members) = value else {
                context.report(expected: "a table [\(place)]", found: value, at: place)
                return nil
            }
            if members.count > maxCount {
                context.problems.report("has \(members.count) claims; \(maxCount) is the most", at: place)
            }
            var names = Set(FieldNames.identity)
            // Sort by name, since dictionaries have no order.
            return members.sorted { $0.key < $1.key }.compactMap { name, value in
                let place = place.key(name)
                do throws(ValueFault) {
                    _ = try FieldNames.readSuffix(name)
                } catch {
                    context.problems.report(error.reason, at: place)
                    return nil
                }
                if !names.insert(name.lowercased()).inserted {
                    context.problems.report("is a field that is there already", at: place)
                }
                return Form<String>.name.read(value, place, context).map { ClaimField(name: name, claim: $0) }
            }
        }
    }
}
