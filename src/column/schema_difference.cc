#include "column/schema_difference.h"

#include <algorithm>

namespace headrace {
namespace {

std::optional<Field> field_at(const Schema& schema, size_t number) {
  return number < schema.size() ? std::optional(schema[number]) : std::nullopt;
}

std::string text_of(const std::optional<Field>& field) {
  return field ? field->name + ": " + describe(*field) : "missing";
}

}  // namespace

bool reads_as(const Field& found, const Field& wanted) {
  Field widened = found;
  if (found.kind == ColumnKind::kCsr && found.width <= wanted.width) {
    widened.width = wanted.width;
  }
  return widened == wanted;
}

const std::string& SchemaDifference::column() const noexcept {
  static const std::string kNone;
  return found ? found->name : wanted ? wanted->name : kNone;
}

bool SchemaDifference::only_wider() const { return wanted && found && reads_as(*wanted, *found); }

std::optional<SchemaDifference> find_difference(const Schema& found, const Schema& wanted) {
  for (size_t i = 0; i < std::max(found.size(), wanted.size()); ++i) {
    if (i >= std::min(found.size(), wanted.size()) || !reads_as(found[i], wanted[i])) {
      return SchemaDifference{i, field_at(wanted, i), field_at(found, i)};
    }
  }
  return std::nullopt;
}

std::string describe(const SchemaDifference& difference, const std::string& found,
                     const std::string& wanted) {
  return "column " + std::to_string(difference.number) + " is " + text_of(difference.found) +
         " in " + found + " and " + text_of(difference.wanted) + " in " + wanted;
}

}  // namespace headrace
