#include "tools/help.h"

namespace engine::tools {
namespace {

// CLI11 hangs what validators say behind the type: "INT:INT in [0 - 4096]", "NAME:{cpu,reference}".
std::string without_validators(const std::string& type) {
  const std::size_t colon = type.find(':');
  return colon != std::string::npos && type.find_first_of(" {", colon) != std::string::npos ? type.substr(0, colon)
                                                                                            : type;
}

class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() {
    column_width(32);
    label("SUBCOMMAND", "VERB");
    label("TEXT", "NAME");
    label("UINT", "INT");
  }

  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    return CLI::detail::find_and_replace(Formatter::make_help(app, std::move(name), mode), "\n\n\n", "\n\n");
  }

  std::string make_option_name(const CLI::Option* o, bool positional) const override {
    if (positional || o->get_fnames().empty()) return Formatter::make_option_name(o, positional);
    return "--[no-]" + o->get_lnames().front();
  }

  std::string make_option_opts(const CLI::Option* o) const override {
    if (o->get_type_size() == 0) return {};
    const std::string metavar = get_label(without_validators(o->get_type_name()));
    return (metavar.empty() || o->get_positional() ? "" : " " + metavar) + (o->get_required() ? " (required)" : "");
  }

  std::string make_option_desc(const CLI::Option* o) const override {
    const std::string& text = o->get_description();
    const std::string& value = o->get_default_str();
    if (value.empty() || text.find('[') != std::string::npos) return text;
    return text + " [" + value + "]";
  }
};

}  // namespace

std::shared_ptr<CLI::Formatter> help_formatter() { return std::make_shared<HelpFormatter>(); }

}  // namespace engine::tools
