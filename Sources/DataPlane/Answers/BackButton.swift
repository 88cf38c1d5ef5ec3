import Basics

/// A button that leads back to the page that the viewer came from. Hidden where there is none, and in a frame, which must
/// not move the page around it.
enum BackButton {
    static func html(_ wording: Wording) -> String {
        "<button id=\"back\" type=\"button\" hidden>\(Markup.escaped(wording[.goBack]))</button>"
    }

    /// Stands behind the button.
    static let script = """
        (()=>{const back=document.getElementById("back");if(window===top&&history.length>1){back.hidden=false;\
        back.onclick=()=>history.back()}})()
        """

    static let scriptHash = RefusalPage.hash(of: script)
}
