#pragma once

#include <string>
#include <string_view>

namespace headrace {

// `text` fit for a message: of every URL in it, what may be a secret is left out, which is the user
// and password, the query and the fragment. Long text is cut.
std::string without_url_secrets(std::string_view text);

}  // namespace headrace
